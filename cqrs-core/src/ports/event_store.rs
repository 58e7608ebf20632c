//! The port of the event store.

mod append;
mod search;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;

use self::search::PagedSearch;
pub use self::{
    append::{Append, Appended, Appends},
    search::LogSearch,
};
use crate::{
    model::{
        Checkpoint, EventFilter, EventId, Idempotency, Limits, LogIdentity, Position,
        RecordedEvent, Slices, StreamId, Version,
    },
    ports::{
        error::{AppendError, LookupError, StoreError, StoreErrorKind},
        turns::Turns,
        unit_of_work::UnitOfWork,
    },
};

/// The parts of a recorded event that a replay needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PastEvent {
    /// The event's id.
    pub id: EventId,
    /// Its place in the stream, from 1.
    pub version: Version,
    /// serde's name of the variant.
    pub event_type: Arc<str>,
    /// The version of the payload's shape.
    pub schema_version: u32,
    /// The variant's content as JSON.
    pub payload: Bytes,
}

impl PastEvent {
    /// A past event from its parts.
    #[must_use]
    pub const fn new(
        id: EventId,
        version: Version,
        event_type: Arc<str>,
        schema_version: u32,
        payload: Bytes,
    ) -> Self {
        Self {
            id,
            version,
            event_type,
            schema_version,
            payload,
        }
    }
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

/// A query for one page of the log.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct LogQuery<'a> {
    /// Only events after this position.
    pub after: Position,
    /// Only events up to this position; `None` for all.
    pub upto: Option<Position>,
    /// Only these categories and types; empty for all.
    pub reads: &'a [EventFilter],
    /// Only streams in these slices.
    pub slices: Slices,
    /// The maximum number of events to return.
    pub limit: usize,
    /// The page ends with the event at which its payloads reach this many bytes, so it has at least one event;
    /// [`BYTES`](Self::BYTES) by default.
    pub bytes: usize,
}

impl<'a> LogQuery<'a> {
    /// The default for the bytes of a page: 8 MiB.
    pub const BYTES: usize = 8 << 20;

    /// Up to `limit` events after a position, of all categories and slices.
    #[must_use]
    pub const fn new(after: Position, limit: usize) -> Self {
        Self {
            after,
            upto: None,
            reads: &[],
            slices: Slices::ALL,
            limit,
            bytes: Self::BYTES,
        }
    }

    /// The same query, after another position.
    #[must_use]
    pub const fn after(mut self, after: Position) -> Self {
        self.after = after;
        self
    }

    /// Only events up to this position: a state as of then.
    #[must_use]
    pub const fn upto(mut self, upto: Position) -> Self {
        self.upto = Some(upto);
        self
    }

    /// Only these categories and types.
    #[must_use]
    pub const fn reads(mut self, reads: &'a [EventFilter]) -> Self {
        self.reads = reads;
        self
    }

    /// The page ends with the event at which its payloads reach this many bytes.
    #[must_use]
    pub const fn bytes(mut self, bytes: usize) -> Self {
        self.bytes = bytes;
        self
    }

    /// Only streams in these slices.
    #[must_use]
    pub const fn slices(mut self, slices: Slices) -> Self {
        self.slices = slices;
        self
    }
}

/// A page of the log.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct LogPage {
    /// The events that matched, in position order.
    pub events: Vec<RecordedEvent>,
    /// The last event that was searched, whether it matched or not: the next page starts after it.
    /// `None`: there is no event after the query's position.
    pub upto: Option<Checkpoint>,
    /// The event at the query's position, in the same snapshot as the events. A reader compares it with the last event that
    /// it has read: if they differ, this is another log, or it has lost commits. `None`: there is no event at that position.
    pub follows: Option<EventId>,
    /// The page has fewer events than were asked for, because their payloads reached the bytes of the query.
    pub cut: bool,
}

impl LogPage {
    /// A page of these events; the log was searched up to `upto`.
    #[must_use]
    pub const fn new(events: Vec<RecordedEvent>, upto: Option<Checkpoint>) -> Self {
        Self {
            events,
            upto,
            follows: None,
            cut: false,
        }
    }

    /// The same page, which its bytes have cut.
    #[must_use]
    pub const fn cut(mut self) -> Self {
        self.cut = true;
        self
    }

    /// The same page, which follows this event.
    #[must_use]
    pub const fn follows(mut self, event: Option<EventId>) -> Self {
        self.follows = event;
        self
    }
}

/// Streams of events, and the log of all events.
///
/// **Invariant**: a reader that pages through the log while others write gets every committed event exactly once, and the
/// events of a stream in the order of their versions.
pub trait EventStore: UnitOfWork {
    /// The turns of the commands to its aggregates. A store keeps one [`Turns`] and returns a clone of it, the same for all of
    /// its own clones; a store that wraps another returns the turns of the inner one. By default nobody waits, and commands to several
    /// aggregates run into more conflicts.
    fn turns(&self) -> Turns {
        Turns::default()
    }

    /// The sizes that this store accepts: those that it [checks](Appends::check). What an event inherits from its cause is left
    /// out if it is beyond them. A store that wraps another returns those of the inner one.
    fn size_limits(&self) -> Limits {
        Limits::default()
    }

    /// The events of a stream after version `after`, in order.
    fn read_stream(
        &self,
        stream: &StreamId,
        after: Version,
    ) -> impl Future<Output = Result<Vec<RecordedEvent>, StoreError>> + Send;

    /// Like [`read_stream`](Self::read_stream), but returns only the parts of each event that a replay needs.
    fn replay(
        &self,
        stream: &StreamId,
        after: Version,
    ) -> impl Future<Output = Result<Vec<PastEvent>, StoreError>> + Send {
        async move {
            let events = self.read_stream(stream, after).await?;
            Ok(events.into_iter().map(PastEvent::from).collect())
        }
    }

    /// The events of several streams, in the order of `streams`. A store does it in one round trip and one consistent
    /// read where it can. Name each stream once.
    fn replay_all(
        &self,
        streams: &[StreamId],
    ) -> impl Future<Output = Result<Vec<Vec<PastEvent>>, StoreError>> + Send {
        async move {
            let mut histories = Vec::with_capacity(streams.len());
            for stream in streams {
                histories.push(self.replay(stream, Version::EMPTY).await?);
            }
            Ok(histories)
        }
    }

    /// Appends all or nothing in a transaction of its own, in one round trip where the store can. This also holds when the
    /// caller drops the future.
    ///
    /// # Errors
    /// [`AppendError::Conflict`] names one stream that is not at the expected version. [`AppendError::KeyReused`]: the key
    /// was used for another command. After any error nothing was appended, except after
    /// [`OutcomeUnknown`](StoreErrorKind::OutcomeUnknown): repeat the call under an idempotency key to find out.
    fn append_all(
        &self,
        appends: Appends,
    ) -> impl Future<Output = Result<Vec<Appended>, AppendError>> + Send;

    /// [`append_all`](Self::append_all) to one stream.
    fn append(&self, append: Append) -> impl Future<Output = Result<Appended, AppendError>> + Send {
        async move {
            let mut appended = self.append_all(append.into()).await?;
            Ok(appended.pop().ok_or_else(missing_result)?)
        }
    }

    /// The result of the appends under this key; `None` when there were none, or the key's retention has ended.
    ///
    /// # Errors
    /// [`LookupError::KeyReused`] when the key was used for another command.
    fn appended_under(
        &self,
        idempotency: &Idempotency,
    ) -> impl Future<Output = Result<Option<Vec<Appended>>, LookupError>> + Send;

    /// Locks the streams against other writers until the transaction ends, and reads them, in one round trip. A store
    /// without locks checks at commit that nobody else wrote. Name all streams in one call: they are locked in a fixed
    /// order, which avoids deadlocks.
    fn read_streams_in(
        &self,
        transaction: &mut Self::Transaction,
        streams: &[StreamId],
    ) -> impl Future<Output = Result<Vec<RecordedEvent>, StoreError>> + Send;

    /// Appends to several streams within the caller's transaction: all or none. Call it once, late in the transaction:
    /// readers wait for later positions until the transaction ends. Under an idempotency key a repeat appends nothing; check
    /// [`Appended::repeated`] to skip the transaction's other writes as well.
    ///
    /// # Errors
    /// As [`append_all`](Self::append_all). A store without locks may detect a conflict or a reused key only at commit.
    fn append_in(
        &self,
        transaction: &mut Self::Transaction,
        appends: Appends,
    ) -> impl Future<Output = Result<Vec<Appended>, AppendError>> + Send;

    /// One page of the log. It names the event that it follows, so that a reader notices another log with the next page.
    fn read_log(
        &self,
        query: LogQuery<'_>,
    ) -> impl Future<Output = Result<LogPage, StoreError>> + Send;

    /// The events of the log that a search finds, in its direction. It finds fewer than its limit if there are no more, or if their
    /// payloads reach its bytes. To go on, search again [before](LogSearch::before) or [after](LogSearch::after) the last event
    /// that was found.
    ///
    /// It finds no event after the [high-water mark](Self::high_water_mark). An event that is rare in a long log takes long to
    /// find; dropping the future ends the search. The default reads the whole range in pages.
    fn search_log(
        &self,
        search: &LogSearch,
    ) -> impl Future<Output = Result<Vec<RecordedEvent>, StoreError>> + Send {
        async move {
            let mut paged = PagedSearch::new(search, self.high_water_mark().await?);
            while let Some(page) = paged.next() {
                paged.search(self.read_log(page).await?);
            }
            Ok(paged.into_events())
        }
    }

    /// The position up to which the log is complete: no new event will appear at or before it.
    fn high_water_mark(&self) -> impl Future<Output = Result<Position, StoreError>> + Send;

    /// A position at or after every event that is committed at the time of the call. It is after the high-water mark while
    /// open transactions hold the mark back.
    ///
    /// The default is for stores whose mark is never held back.
    fn last_position(&self) -> impl Future<Output = Result<Position, StoreError>> + Send {
        async move { self.high_water_mark().await }
    }

    /// The id of the event at a position, to verify that a checkpoint belongs to this log.
    fn event_id_at(
        &self,
        position: Position,
    ) -> impl Future<Output = Result<Option<EventId>, StoreError>> + Send;

    /// Which log this is, and where. It is the same as long as the log has lost no event and was not copied.
    fn identity(&self) -> impl Future<Output = Result<LogIdentity, StoreError>> + Send;

    /// Gives the events after a position a new id, because the log has lost other events that were published at these
    /// positions. The store records the operation, with the reason, if it has users.
    /// [`Relay::recover`](crate::Relay::recover) calls it. It calls [`check_reason`](super::check_reason).
    fn renew_id(
        &self,
        after: Position,
        reason: &str,
    ) -> impl Future<Output = Result<LogIdentity, StoreError>> + Send;

    /// Records that a person is about to change something outside the store by hand: what, with which arguments, and why.
    /// [`record_outcome`](Self::record_outcome) follows it.
    ///
    /// The default is for stores without users, which record nothing.
    fn record_operation(
        &self,
        _verb: &str,
        _arguments: &[(&str, String)],
        _reason: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Records how such a change ended. A record without an outcome is of a change whose outcome is unknown.
    ///
    /// The default is for stores without users, which record nothing.
    fn record_outcome(
        &self,
        _verb: &str,
        _arguments: &[(&str, String)],
        _reason: &str,
        _outcome: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }

    /// Returns when events may have been appended, and after `at_most` at the latest. Only a hint: polling alone is correct.
    fn wait_for_append(&self, at_most: Duration) -> impl Future<Output = ()> + Send;
}

fn missing_result() -> StoreError {
    let message = "the store returned no result for an append";
    StoreError::new(StoreErrorKind::Other, message)
}
