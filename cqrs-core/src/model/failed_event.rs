//! An event that a role could not handle, and how it failed.

use std::fmt;

use crate::model::{
    checkpoint::Offset,
    event_id::EventId,
    number::{Position, Version},
    recorded_event::RecordedEvent,
    stream::StreamId,
};

/// An event that a role could not handle: which one, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FailedEvent {
    /// Its id.
    pub id: EventId,
    /// Its stream.
    pub stream: StreamId,
    /// Its place in the stream.
    pub version: Version,
    /// Its place in the log of the store that recorded it.
    pub position: Position,
    /// The offset of its record, if it came from a topic.
    pub offset: Option<Offset>,
    /// Its type.
    pub event_type: String,
}

impl FailedEvent {
    /// An event of the store's own log.
    #[must_use]
    pub fn new(
        id: EventId,
        stream: StreamId,
        version: Version,
        position: Position,
        event_type: impl Into<String>,
    ) -> Self {
        Self {
            id,
            stream,
            version,
            position,
            offset: None,
            event_type: event_type.into(),
        }
    }

    /// The same event, of the record at this offset of a topic.
    #[must_use]
    pub const fn at(mut self, offset: Offset) -> Self {
        self.offset = Some(offset);
        self
    }
}

impl From<&RecordedEvent> for FailedEvent {
    fn from(event: &RecordedEvent) -> Self {
        let stream = event.stream.clone();
        let event_type = &*event.event_type;
        let failed = Self::new(event.id, stream, event.version, event.position, event_type);
        Self {
            offset: event.offset,
            ..failed
        }
    }
}

/// Identifies the event: `order-17@3 (Placed), position 42`, and `, offset 7` if it came from a topic.
impl fmt::Display for FailedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}@{} ({}), position {}",
            self.stream, self.version, self.event_type, self.position
        )?;
        match self.offset {
            Some(offset) => write!(f, ", offset {offset}"),
            None => Ok(()),
        }
    }
}

/// How a role failed to handle an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// The event could not be decoded.
    Undecodable,
    /// The role said that it cannot handle the event.
    Refused,
    /// The role panicked.
    Panicked,
    /// The role took longer than a batch may take.
    TimedOut,
    /// A write for the event was rejected, for example by a constraint.
    Rejected,
}

impl FailureKind {
    /// All kinds.
    pub const ALL: [Self; 5] = [
        Self::Undecodable,
        Self::Refused,
        Self::Panicked,
        Self::TimedOut,
        Self::Rejected,
    ];

    /// The name that stores record: `undecodable`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::Refused => "refused",
            Self::Panicked => "panicked",
            Self::TimedOut => "timed out",
            Self::Rejected => "rejected",
        }
    }
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
