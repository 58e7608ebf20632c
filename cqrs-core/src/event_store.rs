//! The port of the event store.

use std::{collections::HashSet, fmt, time::Duration};

use async_trait::async_trait;

use crate::{
    Checkpoint, EventId, NewEvent, Position, Reads, RecordedEvent, Slices, StoreError,
    StoreErrorKind, StreamId, UnitOfWork, Version, WriteError,
};

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
}

impl ExpectedVersion {
    /// Whether a stream at `actual` is what was expected.
    #[must_use]
    pub fn allows(self, actual: Version) -> bool {
        match self {
            Self::Any => true,
            Self::NoStream => actual == Version::EMPTY,
            Self::StreamExists => actual > Version::EMPTY,
            Self::Exact(version) => actual == version,
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
        }
    }
}

/// Events for one stream, and what is expected of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// The stream.
    pub stream: StreamId,
    /// What is expected of it.
    pub expected: ExpectedVersion,
    /// The events, in order.
    pub events: Vec<NewEvent>,
}

impl Append {
    /// Refuses a call that names a stream twice, since its two expectations would contradict each other. Adapters begin
    /// with it.
    ///
    /// # Errors
    /// Names the stream.
    pub fn each_stream_once(appends: &[Self]) -> Result<(), StoreError> {
        let mut seen = HashSet::with_capacity(appends.len());
        match appends.iter().find(|append| !seen.insert(&append.stream)) {
            None => Ok(()),
            Some(append) => {
                let message = format!(
                    "{} stands twice in one append; put its events together",
                    append.stream
                );
                Err(StoreError::new(StoreErrorKind::InvalidInput, message))
            }
        }
    }
}

/// Where an append has landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The stream's version after it.
    pub version: Version,
    /// The position of its last event; `None` inside a transaction that gives positions at commit.
    pub position: Option<Position>,
}

/// What to read of the log.
#[derive(Debug, Clone, Copy)]
pub struct LogQuery<'a> {
    /// Events behind this position.
    pub after: Position,
    /// Only these categories and types; empty for all.
    pub reads: &'a [Reads],
    /// Only streams in these slices.
    pub slices: Slices,
    /// At most so many events.
    pub limit: usize,
}

/// A page of the log.
#[derive(Debug, Clone, Default)]
pub struct LogPage {
    /// The events that matched, in position order.
    pub events: Vec<RecordedEvent>,
    /// The last event up to which the log has been searched, whether it matched or not: go on behind it.
    /// `None`: there was nothing behind the query's position.
    pub upto: Option<Checkpoint>,
}

/// Streams of events, and the log of all of them.
///
/// **Invariant**: reading the log page by page, no committed event is skipped, none comes twice, and those of a stream
/// come in the order of their versions, whatever writers are doing.
#[async_trait]
pub trait EventStore: UnitOfWork {
    /// The events of a stream behind version `after`, in order.
    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<RecordedEvent>, StoreError>;

    /// Appends in a transaction of its own: one round trip where the store allows.
    async fn append(&self, append: Append) -> Result<Appended, WriteError>;

    /// Guards the streams against every other writer for the rest of the transaction and reads them, in one round trip.
    /// A store without locks proves at commit that nobody else wrote. Give all streams in one call: they are locked in
    /// one order.
    async fn read_streams_in(
        &self,
        transaction: &mut Self::Transaction,
        streams: &[StreamId],
    ) -> Result<Vec<RecordedEvent>, StoreError>;

    /// Appends to several streams within the caller's transaction: all or none. Call it late and once, since positions
    /// behind it stay unread until the transaction ends.
    async fn append_in(
        &self,
        transaction: &mut Self::Transaction,
        appends: &[Append],
    ) -> Result<Vec<Appended>, WriteError>;

    /// A page of the log.
    async fn read_log(&self, query: LogQuery<'_>) -> Result<LogPage, StoreError>;

    /// Every event up to here is visible, and none will appear at or before it.
    async fn high_water_mark(&self) -> Result<Position, StoreError>;

    /// The event at a position, to tell whether the log is still the one a checkpoint was taken of.
    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError>;

    /// Returns when something may have been appended, and after `at_most` in any case. A hint: polling alone is correct.
    async fn wait_for_append(&self, at_most: Duration);
}
