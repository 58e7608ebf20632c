//! The names of the bugs, and what they remember.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use cqrs_core::model::{OrderingKey, PartitionId};

/// A bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// The role keeps its documents from batch to batch, also over a batch that failed.
    KeepsDocuments,
    /// The role writes in a transaction of its own.
    WritesAside,
    /// The checkpoint moves in a transaction of its own, before the batch.
    CheckpointAside,
    /// The set of parked keys is read before the claim.
    KeysBeforeClaim,
    /// Epochs begin again when the number of partitions changes.
    EpochsBeginAgain,
    /// Joined parts continue at the lowest place, and handle again what one of them has handled.
    ForgetsAhead,
    /// Who advances is asked only for the lease that it had.
    LeaseAlone,
    /// Parked keys are redriven from outside, and their owner keeps its set.
    RedrivesOutside,
    /// A session publishes although a later one was opened.
    UnfencedSession,
    /// The relay's progress is recorded behind the events, in a transaction of its own.
    ProgressAside,
}

/// The keys that a process knew before it claimed each partition.
#[derive(Clone, Default)]
pub(crate) struct Keys(pub(crate) Arc<Mutex<HashMap<PartitionId, Vec<OrderingKey>>>>);

/// What bugs remember of each partition, in all processes.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<HashMap<PartitionId, Epochs>>>);

/// What is remembered of the epochs of a partition.
#[derive(Default)]
pub(crate) struct Epochs {
    /// The epoch at which those that are handed out begin.
    pub(crate) first: u64,
    /// The last claim's.
    pub(crate) last: u64,
}

impl Memory {
    pub(crate) fn of<T>(&self, partition: &PartitionId, ask: impl FnOnce(&mut Epochs) -> T) -> T {
        let mut epochs = self.0.lock().expect("no panic");
        ask(epochs.entry(partition.clone()).or_default())
    }
}
