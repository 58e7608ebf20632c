//! Why an event or a record was not skipped.

use crate::{
    codec::CodecError,
    model::{Offset, PartitionId, Position},
    ports::{AdvanceError, CommitError, LogReplaced, SourceError, StoreError},
};

/// An event or a record that was not skipped. The subscription is where it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SkipError {
    /// The event at the position is not the next one of the subscription.
    #[error(
        "subscription {subscription:?} cannot skip the event at position {position}: its next event is {next}; only the event \
         that its runner has stopped at can be skipped"
    )]
    NotNext {
        /// The subscription.
        subscription: String,
        /// The position of the event that was to be skipped.
        position: Position,
        /// The next event, as text.
        next: String,
    },
    /// The record is not the next one of the subscription.
    #[error(
        "subscription {subscription:?} cannot skip offset {offset} of {partition}: it is at offset {at}, {}; only the record \
         that its runner has stopped at can be skipped",
        next_record(*next)
    )]
    NotNextRecord {
        /// The subscription.
        subscription: String,
        /// The partition.
        partition: PartitionId,
        /// The offset of the record that was to be skipped.
        offset: Offset,
        /// Its checkpoint.
        at: Offset,
        /// The offset of its next record, if there is one.
        next: Option<Offset>,
    },
    /// A runner of the subscription has handled records since this call began.
    #[error(
        "a runner of subscription {subscription:?} has moved on {partition} during the call: it is at offset {at} now; if it stops \
         there, skip that record"
    )]
    Moved {
        /// The subscription.
        subscription: String,
        /// The partition.
        partition: PartitionId,
        /// Its checkpoint.
        at: Offset,
    },
    /// The reason is empty.
    #[error("an event or record is skipped for a reason; say why")]
    NoReason,
    /// The role's events are not an externally tagged enum.
    #[error("the role cannot be run")]
    Role(#[from] CodecError),
    /// The log is not the one that the subscription has read.
    #[error("the subscription cannot continue in another log")]
    LogReplaced(#[from] LogReplaced),
    /// The topic cannot be read.
    #[error("the record could not be read")]
    Source(#[from] SourceError),
    /// The store failed, or a runner of this subscription was faster: try again.
    #[error("nothing was skipped")]
    Store(#[source] CommitError),
}

fn next_record(next: Option<Offset>) -> String {
    next.map_or_else(
        || "and no record is there yet".to_owned(),
        |next| format!("and its next record is at offset {next}"),
    )
}

impl From<CommitError> for SkipError {
    fn from(error: CommitError) -> Self {
        Self::Store(error)
    }
}

impl From<StoreError> for SkipError {
    fn from(error: StoreError) -> Self {
        Self::Store(error.into())
    }
}

impl From<AdvanceError> for SkipError {
    fn from(error: AdvanceError) -> Self {
        Self::Store(error.into())
    }
}
