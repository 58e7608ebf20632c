//! The identity of a log: what tells it from other logs, and from copies of itself.

use std::fmt;

use uuid::Uuid;

use crate::model::number::Position;

/// The id of a log, or of its part after a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LogId(Uuid);

impl LogId {
    /// A new id.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The id with this UUID.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The UUID.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which log a store holds, and where it is.
///
/// A log keeps its id when its database is dumped and restored; then only the place is another one. It gets a new id when it
/// has lost events that were published: the events that it stores at their positions are other ones. So an id and a position
/// always name the same event.
///
/// ```
/// use cqrs_core::{Position, model::{LogId, LogIdentity}};
///
/// let (first, second) = (LogId::random(), LogId::random());
/// let log = LogIdentity::new("here", first).renewed(Position::new(40), second);
/// assert_eq!(log.id_of(Position::new(40)), first);
/// assert_eq!(log.id_of(Position::new(41)), second);
/// assert_eq!(log.id(), second);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogIdentity {
    place: String,
    first: LogId,
    /// Each id with the position after which it holds, in the order in which the log got them.
    renewed: Vec<(Position, LogId)>,
}

impl LogIdentity {
    /// The log with this id, at this place.
    #[must_use]
    pub fn new(place: impl Into<String>, id: LogId) -> Self {
        Self {
            place: place.into(),
            first: id,
            renewed: Vec::new(),
        }
    }

    /// The same log, whose events after a position have another id.
    #[must_use]
    pub fn renewed(mut self, after: Position, id: LogId) -> Self {
        self.renewed.push((after, id));
        self
    }

    /// Where the log is. A copy of the log is at another place.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The id of the events that are appended now.
    #[must_use]
    pub fn id(&self) -> LogId {
        self.renewed.last().map_or(self.first, |(_, id)| *id)
    }

    /// The id of the event at a position.
    #[must_use]
    pub fn id_of(&self, position: Position) -> LogId {
        let holds = |(after, _): &&(Position, LogId)| *after < position;
        let renewed = self.renewed.iter().rev().find(holds);
        renewed.map_or(self.first, |(_, id)| *id)
    }

    /// Whether an id is, or was, that of this log.
    #[must_use]
    pub fn has(&self, id: LogId) -> bool {
        self.first == id || self.renewed.iter().any(|(_, own)| *own == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_an_event_is_that_of_the_last_renewal_before_it() {
        let at = Position::new;
        let [first, second, third] = [1, 2, 3].map(|n| LogId::from_uuid(Uuid::from_u128(n)));
        let log = LogIdentity::new("here", first)
            .renewed(at(40), second)
            .renewed(at(20), third);
        let ids = [1, 20, 21, 40, 41].map(|position| log.id_of(at(position)));
        assert_eq!(ids, [first, first, third, third, third]);
        assert!(log.has(second) && !log.has(LogId::random()));
    }
}
