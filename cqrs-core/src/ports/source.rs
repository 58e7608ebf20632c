//! Where a runner's batches come from, and which partitions are ours.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    model::{Checkpoint, Offset, PartitionId, RecordedEvent},
    ports::error::BoxError,
};

/// Events to handle together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The events, in order. May be empty when everything read was passed over.
    pub events: Vec<RecordedEvent>,
    /// Where to go on behind the batch; it may lie beyond its last event.
    pub next: Checkpoint,
}

/// Why a partition cannot be read on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The checkpoint lies outside of what is kept: retention has passed it, or the topic was created anew.
    #[error(
        "{partition}: offset {offset} is no longer kept ({detail}); nothing is skipped silently: reset the \
         subscription to read what is left from its beginning, or restore the topic"
    )]
    OutOfRange {
        /// The partition.
        partition: PartitionId,
        /// Where the checkpoint stands.
        offset: Offset,
        /// What is kept.
        detail: String,
    },
    /// The log is not the one that the checkpoint was taken of.
    #[error(
        "{partition}: the log was replaced: {detail}; it was restored or has lost commits. Reset the subscription to \
         read the log as it is now from its beginning"
    )]
    LogReplaced {
        /// The partition.
        partition: PartitionId,
        /// What differs.
        detail: String,
    },
    /// A record that is not an event.
    #[error(
        "{partition}, offset {offset}: not an event: {reason}; nothing behind it is read until it is dealt with"
    )]
    Malformed {
        /// The partition.
        partition: PartitionId,
        /// The record.
        offset: Offset,
        /// What is wrong with it.
        reason: String,
    },
    /// It cannot be reached right now. Tried again.
    #[error("the source is unavailable")]
    Unavailable(#[source] BoxError),
    /// It will not work without a change: wrong settings, missing rights, an unknown topic.
    #[error("the source cannot be read: {0}")]
    Fatal(String),
}

/// Hands out the partitions that are ours, one reader each.
#[async_trait]
pub trait Source: Send + 'static {
    /// Reads one partition.
    type Reader: Reader;

    /// The next partition to work on. One whose reader was dropped comes again while it is still ours.
    /// `None`: stopped, and every reader is gone. Cancel-safe.
    async fn assigned(&mut self) -> Result<Option<Self::Reader>, SourceError>;

    /// Asks every reader to finish. Returns at once.
    fn stop(&mut self);
}

/// One partition that is ours. Dropping the reader gives it back; taking the partition away waits for that.
#[async_trait]
pub trait Reader: Send + Sync + 'static {
    /// Which partition.
    fn partition(&self) -> &PartitionId;

    /// Goes to a place: first of all, and again after every failure. `None` is the beginning.
    async fn start(&mut self, at: Option<Checkpoint>) -> Result<(), SourceError>;

    /// Waits for events and returns what is there, up to `max`. `None`: revoked or stopping. Cancel-safe.
    async fn next(&mut self, max: usize) -> Result<Option<Batch>, SourceError>;

    /// Waits, keeping the partition. Ends early when it is revoked.
    async fn back_off(&mut self, wait: Duration);

    /// Whether the partition is to be given back.
    fn revoked(&self) -> bool;
}
