//! The partitions that have a reader. The poll thread and the readers share them.

use std::{
    collections::HashMap,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    time::Instant,
};

use cqrs_core::{model::Checkpoint, ports::SourceError, run_loop::ProgressReporter};
use tokio::sync::{oneshot, watch};

use super::{SourceOptions, checkpoint_check::CheckpointCheck, partition::AssignedPartition};

/// What a reader asks of the poll thread.
#[derive(Debug)]
pub(super) enum PollCommand {
    /// Seek to this place (`None`: the beginning) and accept records.
    Start {
        partition: Arc<AssignedPartition>,
        at: Option<Checkpoint>,
        done: oneshot::Sender<Result<(), SourceError>>,
    },
    /// The buffer has room again.
    Resume(Arc<AssignedPartition>),
    /// The reader was dropped.
    Released(Arc<AssignedPartition>),
}

/// By number first, so that a look-up needs no copy of the topic's name.
type Partitions = HashMap<i32, Vec<Arc<AssignedPartition>>>;

/// The partitions with a reader, and the channel from the readers to the poll thread.
#[derive(Debug)]
pub(super) struct Assignment {
    commands: mpsc::Sender<PollCommand>,
    /// Every reader keeps it alive through its `Arc<Assignment>`. So the source sees when the last reader is dropped.
    stopping: watch::Receiver<bool>,
    partitions: Mutex<Partitions>,
    released: Condvar,
    pub(super) options: Arc<SourceOptions>,
    pub(super) reporter: ProgressReporter,
    pub(super) check: Arc<CheckpointCheck>,
}

impl Assignment {
    pub(super) fn new(
        stopping: watch::Receiver<bool>,
        options: Arc<SourceOptions>,
        reporter: ProgressReporter,
        check: CheckpointCheck,
    ) -> (Arc<Self>, mpsc::Receiver<PollCommand>) {
        let (commands, received) = mpsc::channel();
        let assignment = Self {
            commands,
            stopping,
            partitions: Mutex::default(),
            released: Condvar::new(),
            options,
            reporter,
            check: Arc::new(check),
        };
        (Arc::new(assignment), received)
    }

    pub(super) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Sends a command to the poll thread. If the thread has ended, there is nothing left to do.
    pub(super) fn send(&self, command: PollCommand) {
        let _ = self.commands.send(command);
    }

    /// Adds a partition that is to have a reader; `None` if it has one, or if the member is stopping.
    pub(super) fn add(&self, topic: &Arc<str>, number: i32) -> Option<Arc<AssignedPartition>> {
        if self.is_stopping() || self.find(topic, number).is_some() {
            return None;
        }
        let partition = Arc::new(AssignedPartition::new(Arc::clone(topic), number));
        self.reporter.started(&partition.id(), None);
        let mut partitions = self.partitions();
        partitions
            .entry(number)
            .or_default()
            .push(Arc::clone(&partition));
        Some(partition)
    }

    pub(super) fn find(&self, topic: &str, number: i32) -> Option<Arc<AssignedPartition>> {
        let partitions = self.partitions();
        let found = partitions
            .get(&number)?
            .iter()
            .find(|partition| &*partition.topic == topic)?;
        Some(Arc::clone(found))
    }

    /// Whether this is still the current reader's partition, and not that of an earlier reader.
    pub(super) fn contains(&self, partition: &Arc<AssignedPartition>) -> bool {
        contains(&self.partitions(), partition)
    }

    pub(super) fn all(&self) -> Vec<Arc<AssignedPartition>> {
        self.partitions().values().flatten().cloned().collect()
    }

    /// Called when the reader is dropped.
    pub(super) fn release(&self, partition: &Arc<AssignedPartition>) {
        self.remove(std::slice::from_ref(partition));
        self.reporter.ended(Some(&partition.id()), None);
        self.released.notify_all();
        self.send(PollCommand::Released(Arc::clone(partition)));
    }

    /// Asks the readers to finish and waits for them, but not longer than the drain time-out. The store fences a reader
    /// that commits later.
    pub(super) fn take_back(&self, revoked: &[Arc<AssignedPartition>]) {
        revoked.iter().for_each(|partition| partition.revoke());
        let deadline = Instant::now() + self.options.drain_timeout;
        let mut partitions = self.partitions();
        while revoked.iter().any(|one| contains(&partitions, one)) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                tracing::warn!(
                    waited = ?self.options.drain_timeout,
                    "a batch is still running, and its partition is given up: the store rejects the batch if another member claims the \
                     partition before it commits"
                );
                break;
            }
            let waited = self.released.wait_timeout(partitions, left);
            partitions = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(partitions);
        self.remove(revoked);
    }

    /// Tells the readers that other members own their partitions already. There is nothing to wait for.
    pub(super) fn lose(&self, lost: &[Arc<AssignedPartition>]) {
        lost.iter().for_each(|partition| partition.revoke());
        self.remove(lost);
    }

    fn remove(&self, removed: &[Arc<AssignedPartition>]) {
        let mut partitions = self.partitions();
        for partition in removed {
            if let Some(same_number) = partitions.get_mut(&partition.number) {
                same_number.retain(|other| !Arc::ptr_eq(other, partition));
            }
        }
    }

    fn partitions(&self) -> MutexGuard<'_, Partitions> {
        self.partitions
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn contains(partitions: &Partitions, partition: &Arc<AssignedPartition>) -> bool {
    partitions
        .get(&partition.number)
        .is_some_and(|same_number| {
            same_number
                .iter()
                .any(|other| Arc::ptr_eq(other, partition))
        })
}
