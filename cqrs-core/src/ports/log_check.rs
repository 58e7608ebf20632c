//! Checks that a checkpoint belongs to a log.

use crate::{
    model::{Checkpoint, EventId, Position},
    ports::{error::StoreError, event_store::EventStore},
};

/// A log does not contain the last event before a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the log was replaced: position {position} held {}, now {}; it was restored or has lost commits",
    event(.expected.as_ref()),
    event(.found.as_ref())
)]
#[non_exhaustive]
pub struct LogReplaced {
    /// The position of the checkpoint.
    pub position: Position,
    /// The event that was there.
    pub expected: Option<EventId>,
    /// The event that is there now.
    pub found: Option<EventId>,
}

impl LogReplaced {
    /// At `position` the log held `expected`, and holds `found` now.
    #[must_use]
    pub const fn new(
        position: Position,
        expected: Option<EventId>,
        found: Option<EventId>,
    ) -> Self {
        Self {
            position,
            expected,
            found,
        }
    }
}

fn event(id: Option<&EventId>) -> String {
    id.map_or_else(|| "no event".to_owned(), |id| format!("event {id}"))
}

/// A check that failed.
pub(crate) enum LogCheckError {
    /// The log could not be read.
    Store(StoreError),
    /// It is another log.
    Replaced(LogReplaced),
}

/// Checks that the event of the checkpoint is in the log.
///
/// **Invariant**: reading continues only in the log that the checkpoint belongs to.
pub(crate) async fn check_log<S: EventStore>(
    store: &S,
    checkpoint: Checkpoint,
) -> Result<(), LogCheckError> {
    let position = Position::new(checkpoint.offset.get());
    let found = store
        .event_id_at(position)
        .await
        .map_err(LogCheckError::Store)?;
    if found == checkpoint.event_id {
        return Ok(());
    }
    Err(LogCheckError::Replaced(LogReplaced {
        position,
        expected: checkpoint.event_id,
        found,
    }))
}
