//! Why a batch could not be handled.

use crate::{
    model::{Conflict, EventId},
    ports::{AdvanceError, AppendError, CommitError, SaveError, StoreError},
};

/// Why a batch was not handled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandlerError {
    /// A write failed. The runner rolls back and tries again on fresh state, or stops when that cannot help.
    #[error(transparent)]
    Write(#[from] CommitError),
    /// This event cannot be handled, now or later. The runner commits what comes before it and stops in front of it.
    #[error("event {event}: {reason}")]
    Poison {
        /// The event.
        event: EventId,
        /// Why, and what to do.
        reason: String,
    },
}

impl From<StoreError> for HandlerError {
    fn from(error: StoreError) -> Self {
        Self::Write(error.into())
    }
}

impl From<Conflict> for HandlerError {
    fn from(conflict: Conflict) -> Self {
        Self::Write(conflict.into())
    }
}

impl From<AppendError> for HandlerError {
    fn from(error: AppendError) -> Self {
        Self::Write(error.into())
    }
}

impl From<SaveError> for HandlerError {
    fn from(error: SaveError) -> Self {
        Self::Write(error.into())
    }
}

impl From<AdvanceError> for HandlerError {
    fn from(error: AdvanceError) -> Self {
        Self::Write(error.into())
    }
}
