//! What an append expects of its stream, and the conflict when the stream is not so.

use std::fmt;

use crate::model::{event_id::EventId, number::Version, stream::StreamId};

/// What an append expects of its stream. The guard of optimistic concurrency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedVersion {
    /// Anything.
    Any,
    /// A stream without events.
    NoStream,
    /// A stream with at least one event.
    StreamExists,
    /// A stream at exactly this version.
    Exact(Version),
    /// A stream at exactly this version, whose last event is this one: a state that was kept since is still a state of
    /// this stream, even if the log was restored in between.
    LastEvent(Version, EventId),
}

impl ExpectedVersion {
    /// Whether a stream at `actual`, whose last event is `last`, is what was expected.
    #[must_use]
    pub fn allows(self, actual: Version, last: Option<EventId>) -> bool {
        match self {
            Self::Any => true,
            Self::NoStream => actual == Version::EMPTY,
            Self::StreamExists => actual > Version::EMPTY,
            Self::Exact(version) => actual == version,
            Self::LastEvent(version, id) => actual == version && last == Some(id),
        }
    }
}

impl fmt::Display for ExpectedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any version"),
            Self::NoStream => f.write_str("no stream"),
            Self::StreamExists => f.write_str("an existing stream"),
            Self::Exact(version) => write!(f, "version {version}"),
            Self::LastEvent(version, id) => write!(f, "version {version} with event {id}"),
        }
    }
}

/// Somebody else was faster: the stream is not at the version that the append expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("conflict on {stream}: expected {expected}, is at version {actual}")]
pub struct Conflict {
    /// The stream.
    pub stream: StreamId,
    /// What the append expected.
    pub expected: ExpectedVersion,
    /// Where the stream is.
    pub actual: Version,
}
