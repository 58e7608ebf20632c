//! The port of the event store.

mod append;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

pub use self::append::{Append, Appended, Appends};
use crate::{
    model::{
        Checkpoint, EventId, Idempotency, Position, Reads, RecordedEvent, Slices, StreamId, Version,
    },
    ports::{
        error::{AppendError, StoreError, StoreErrorKind},
        unit_of_work::UnitOfWork,
    },
};

/// What a replay needs of a recorded event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastEvent {
    /// The name of the event.
    pub id: EventId,
    /// Its place in the stream, from 1.
    pub version: Version,
    /// serde's name of the variant.
    pub event_type: Arc<str>,
    /// The generation of the payload's shape.
    pub schema_version: u32,
    /// The variant's content as JSON.
    pub payload: Bytes,
}

impl From<RecordedEvent> for PastEvent {
    fn from(recorded: RecordedEvent) -> Self {
        Self {
            id: recorded.id,
            version: recorded.version,
            event_type: recorded.event_type,
            schema_version: recorded.schema_version,
            payload: recorded.payload,
        }
    }
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

    /// The events of a stream behind version `after`, in order, and of each only what a replay needs.
    async fn replay(
        &self,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<PastEvent>, StoreError> {
        let events = self.read_stream(stream, after).await?;
        Ok(events.into_iter().map(PastEvent::from).collect())
    }

    /// The events of several streams, each in order and in the order of `streams`: one round trip and one moment where the
    /// store allows. Each stream is to be named once.
    async fn replay_all(&self, streams: &[StreamId]) -> Result<Vec<Vec<PastEvent>>, StoreError> {
        let mut histories = Vec::with_capacity(streams.len());
        for stream in streams {
            histories.push(self.replay(stream, Version::EMPTY).await?);
        }
        Ok(histories)
    }

    /// Appends in a transaction of its own: all or none, one round trip where the store allows. A caller who stops waiting
    /// has appended all of it or nothing.
    ///
    /// # Errors
    /// A conflict names one stream that is not as expected; [`AppendError::KeyReused`] when the key was used for something
    /// else. Nothing was appended then, nor after a store's error, unless it is of the kind
    /// [`OutcomeUnknown`](StoreErrorKind::OutcomeUnknown): the same call under a key settles that.
    async fn append_all(&self, appends: Appends) -> Result<Vec<Appended>, AppendError>;

    /// [`append_all`](Self::append_all) to one stream.
    async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        let mut appended = self.append_all(append.into()).await?;
        Ok(appended.pop().ok_or_else(no_answer)?)
    }

    /// Where the appends under this key have landed; `None` when there were none, or they are forgotten.
    ///
    /// # Errors
    /// [`AppendError::KeyReused`] when the key was used for something else.
    async fn appended_under(
        &self,
        idempotency: &Idempotency,
    ) -> Result<Option<Vec<Appended>>, AppendError>;

    /// Guards the streams against every other writer for the rest of the transaction and reads them, in one round trip.
    /// A store without locks proves at commit that nobody else wrote. Give all streams in one call: they are locked in
    /// one order.
    async fn read_streams_in(
        &self,
        transaction: &mut Self::Transaction,
        streams: &[StreamId],
    ) -> Result<Vec<RecordedEvent>, StoreError>;

    /// Appends to several streams within the caller's transaction: all or none. Call it late and once, since positions
    /// behind it stay unread until the transaction ends. Under a key, a repeat appends nothing; what else the transaction
    /// does is not repeated either only if the caller looks at [`Appended::repeated`].
    async fn append_in(
        &self,
        transaction: &mut Self::Transaction,
        appends: Appends,
    ) -> Result<Vec<Appended>, AppendError>;

    /// A page of the log.
    async fn read_log(&self, query: LogQuery<'_>) -> Result<LogPage, StoreError>;

    /// Every event up to here is visible, and none will appear at or before it.
    async fn high_water_mark(&self) -> Result<Position, StoreError>;

    /// The event at a position, to tell whether the log is still the one a checkpoint was taken of.
    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError>;

    /// Returns when something may have been appended, and after `at_most` in any case. A hint: polling alone is correct.
    async fn wait_for_append(&self, at_most: Duration);
}

fn no_answer() -> StoreError {
    let message = "the store answered an append with nothing";
    StoreError::new(StoreErrorKind::Other, message)
}
