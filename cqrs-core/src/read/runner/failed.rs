//! Whether a worker of the runner has failed.
//!
//! **Invariant**: after a worker has failed, no other one begins on its partition in this run. A worker gives its reader back
//! when it ends, and the source hands the partition out again at once: perhaps before the runner looks at the failure.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Whether a worker has failed. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Failed(Arc<AtomicBool>);

impl Failed {
    pub(super) fn get(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Reports that its worker has failed, unless it has succeeded before: also when the worker panics. It belongs before the
/// reader in the fields of a worker, since they are dropped in order.
#[derive(Debug)]
pub(super) struct FailsUnlessDone {
    failed: Failed,
    done: bool,
}

impl FailsUnlessDone {
    pub(super) fn new(failed: Failed) -> Self {
        Self {
            failed,
            done: false,
        }
    }

    pub(super) fn done(&mut self) {
        self.done = true;
    }
}

impl Drop for FailsUnlessDone {
    fn drop(&mut self) {
        if !self.done {
            self.failed.0.store(true, Ordering::Release);
        }
    }
}
