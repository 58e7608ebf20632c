//! The version that an append expects of its stream, and the conflict when the stream has another.

use std::fmt;

use crate::model::{event_id::EventId, number::Version, stream::StreamId};

/// The version that an append expects of its stream: the optimistic concurrency check.
///
/// ```
/// # use cqrs_core::{ports::{Append, AppendError}, prelude::*};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Opened }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// let open = Append::of("ann", ExpectedVersion::NoStream, &[AccountEvent::Opened])?;
/// store.append(open.clone()).await?;
/// // The second append is too late: now the stream exists.
/// let late = store.append(open).await;
/// assert!(matches!(late, Err(AppendError::Conflict(_))));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpectedVersion {
    /// No expectation.
    Any,
    /// A stream without events.
    NoStream,
    /// A stream with at least one event.
    StreamExists,
    /// A stream at exactly this version.
    Exact(Version),
    /// A stream at exactly this version, whose last event has this id. With it, a cached state is safe even if the log
    /// was restored from a backup in between.
    LastEvent(Version, EventId),
}

impl ExpectedVersion {
    /// Whether a stream at version `actual` with last event `last` meets the expectation.
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

/// The stream is not at the version that the append expected: another writer was faster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("conflict on {stream}: expected {expected}, but it is at version {actual}")]
#[non_exhaustive]
pub struct Conflict {
    /// The stream.
    pub stream: StreamId,
    /// The expectation of the append.
    pub expected: ExpectedVersion,
    /// The stream's version.
    pub actual: Version,
}

impl Conflict {
    /// `stream` is at version `actual`, which `expected` does not allow.
    #[must_use]
    pub const fn new(stream: StreamId, expected: ExpectedVersion, actual: Version) -> Self {
        Self {
            stream,
            expected,
            actual,
        }
    }
}
