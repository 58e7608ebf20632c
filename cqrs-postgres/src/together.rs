//! What several callers want at once is done together: one alone does it itself, others hand it to a task.

use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};

use cqrs_core::{StoreError, StoreErrorKind};
use tokio::{sync::mpsc, task::JoinHandle};

/// How many jobs may wait for the task. Whoever comes then waits to be let in.
pub(crate) const CAPACITY: usize = 1_024;

/// Counts who is at something.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    here: AtomicUsize,
    /// How many the task served together last.
    together: AtomicUsize,
}

impl Crowd {
    /// Joins until the guard is dropped.
    pub(crate) fn join(&self) -> Joined<'_> {
        let first = self.here.fetch_add(1, Ordering::Relaxed) == 0;
        // Those just served together come back together: the first of them is not alone for long.
        let alone = first && self.together() <= 1;
        Joined { crowd: self, alone }
    }

    /// How many were served together last.
    pub(crate) fn together(&self) -> usize {
        self.together.load(Ordering::Relaxed)
    }

    /// So many are now served together.
    pub(crate) fn serve(&self, together: usize) {
        self.together.store(together, Ordering::Relaxed);
    }
}

/// One of the crowd.
#[derive(Debug)]
pub(crate) struct Joined<'a> {
    crowd: &'a Crowd,
    /// Nobody else is there, or about to come.
    pub(crate) alone: bool,
}

impl Drop for Joined<'_> {
    fn drop(&mut self) {
        self.crowd.here.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A task that is started when there is something to do, and anew when it went down with the runtime it ran in. It ends
/// when this is dropped.
#[derive(Debug)]
pub(crate) struct Desk<J>(Mutex<Option<(mpsc::Sender<J>, JoinHandle<()>)>>);

impl<J> Default for Desk<J> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<J> Desk<J> {
    /// Hands over a job, as soon as there is room. A caller who stops waiting before has handed over nothing.
    pub(crate) async fn send(
        &self,
        mut job: J,
        start: impl Fn(mpsc::Receiver<J>) -> JoinHandle<()>,
    ) -> Result<(), StoreError> {
        for _ in 0..2 {
            match self.task(&start).send(job).await {
                Ok(()) => return Ok(()),
                Err(mpsc::error::SendError(unsent)) => job = unsent,
            }
        }
        let message =
            "the store's task stops as soon as it is started; is the runtime shutting down?";
        Err(StoreError::new(StoreErrorKind::Unavailable, message))
    }

    /// Waits until the task has done what was handed over.
    pub(crate) async fn close(&self) {
        let task = self.lock().take();
        if let Some((sender, task)) = task {
            drop(sender);
            // It has ended, in whatever way.
            let _ = task.await;
        }
    }

    fn task(&self, start: impl Fn(mpsc::Receiver<J>) -> JoinHandle<()>) -> mpsc::Sender<J> {
        let mut task = self.lock();
        if let Some((sender, _)) = &*task
            && !sender.is_closed()
        {
            return sender.clone();
        }
        let (sender, jobs) = mpsc::channel(CAPACITY);
        *task = Some((sender.clone(), start(jobs)));
        sender
    }

    fn lock(&self) -> MutexGuard<'_, Option<(mpsc::Sender<J>, JoinHandle<()>)>> {
        self.0
            .lock()
            .expect("no call panics while it holds the lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_crowd_nobody_goes_alone_until_one_was_served_alone() {
        let crowd = Crowd::default();
        let (first, second) = (crowd.join(), crowd.join());
        assert!(first.alone && !second.alone);
        drop((first, second));
        assert!(crowd.join().alone, "nobody was served together");
        crowd.serve(2);
        assert!(!crowd.join().alone, "the other is about to come");
        crowd.serve(1);
        assert!(crowd.join().alone);
    }
}
