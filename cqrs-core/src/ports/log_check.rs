//! Checks that a checkpoint belongs to a log.

use crate::{
    model::{Checkpoint, EventId, Position},
    ports::event_store::LogPage,
};

/// The log no longer has the event that a checkpoint is anchored at.
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

/// Checks that a page of the log follows the event of the checkpoint; `None` is the beginning.
///
/// **Invariant**: reading continues only in the log that the checkpoint belongs to, and only while that log has its event.
pub(crate) fn check_page(page: &LogPage, from: Option<Checkpoint>) -> Result<(), LogReplaced> {
    let expected = from.and_then(|checkpoint| checkpoint.event_id);
    if page.follows == expected {
        return Ok(());
    }
    let offset = from.map_or(0, |checkpoint| checkpoint.offset.get());
    Err(LogReplaced {
        position: Position::new(offset),
        expected,
        found: page.follows,
    })
}
