//! A partition that this process holds, on the side of its reader.

use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};

use crate::{
    model::{MemberId, PartitionId},
    ports::{GivenBack, Heartbeat},
    run_loop::Beat,
};

/// The reader of a partition was dropped.
#[derive(Debug)]
pub(super) struct Dropped {
    pub(super) partition: PartitionId,
    /// `None`: it was revoked, or its worker was aborted.
    pub(super) why: Option<GivenBack>,
}

/// A partition that this process holds. When it is dropped, the source hears why.
#[derive(Debug)]
pub(super) struct HeldPartition {
    pub(super) partition: PartitionId,
    pub(super) member: MemberId,
    /// `true`: give it back.
    pub(super) revoked: watch::Receiver<bool>,
    pub(super) beats: watch::Receiver<Beat<Heartbeat>>,
    pub(super) why: Option<GivenBack>,
    pub(super) dropped: mpsc::UnboundedSender<Dropped>,
}

impl HeldPartition {
    pub(super) fn is_revoked(&self) -> bool {
        *self.revoked.borrow()
    }

    /// Whether another member was alive at the last heartbeat. After a lease without one, nobody knows.
    pub(super) fn has_others(&self) -> bool {
        let beat = self.beats.borrow();
        beat.answer.members > 1 && Instant::now() < beat.expires
    }
}

impl Drop for HeldPartition {
    fn drop(&mut self) {
        let why = match self.why.take() {
            None if std::thread::panicking() => {
                Some(GivenBack::Stopped("its worker panicked".to_owned()))
            }
            why => why,
        };
        let partition = self.partition.clone();
        // Without a receiver the source is gone, and the member leaves.
        let _ = self.dropped.send(Dropped { partition, why });
    }
}
