//! Reads the events that wait for a parked key: they are in the log, from the event in front to where their slice stands. Of a topic they are
//! in the records that are kept.

use super::{
    claimed::ClaimedPartition,
    parked::{key_of, slice_of},
    worker::Worker,
};
use crate::{
    model::{FailedEvent, PartitionedBy, Position, RecordedEvent, Selection, StreamId, Version},
    ports::{
        BoxError, Checkpoints, Inbox, LogQuery, ParkedKey, Parking, Reader, StoreError, TopicRecord,
    },
    read::handler::Handler,
};

/// How many events of the log are read at once for a key that is not a stream.
const PAGE: usize = 1_000;

/// The most records of a topic that one redrive handles. Each may be as large as the broker allows.
const RECORDS: usize = 16;

/// Events that wait, with the one in front.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// The next events.
    pub(super) events: Vec<RecordedEvent>,
    /// The one after them.
    pub(super) next: Option<FailedEvent>,
    /// How many records of a topic hold the events.
    pub(super) records: usize,
    /// How many of them come before the first of the events: the role does not read them.
    pub(super) before_first: usize,
    /// The record in front, if the key is parked in a topic.
    pub(super) first: Option<TopicRecord>,
    /// Why `next` is not an event, if no event comes before it.
    pub(super) unreadable: Option<BoxError>,
    /// The stream was erased with the event in front. What waits are the events of the stream that began anew.
    pub(super) erased: bool,
}

/// Events of the log that wait, up to a number and to the bytes of a page.
struct Page {
    limit: usize,
    bytes: usize,
    waiting: Waiting,
}

impl Page {
    fn new(limit: usize) -> Self {
        Self {
            limit,
            bytes: 0,
            waiting: Waiting::default(),
        }
    }

    /// Takes the event if there is room. If not, it is the next one and the page has its end: `false`.
    fn take(&mut self, event: RecordedEvent) -> bool {
        let events = &mut self.waiting.events;
        if events.len() >= self.limit || (self.bytes >= LogQuery::BYTES && !events.is_empty()) {
            self.waiting.next = Some(FailedEvent::from(&event));
            return false;
        }
        self.bytes += event.payload.len();
        events.push(event);
        true
    }
}

impl<S: Checkpoints + Inbox + Parking, H: Handler<S>, R: Reader> Worker<S, H, R> {
    /// Up to `limit` events that wait, and the one after them.
    pub(super) async fn waiting(
        &self,
        claimed: &ClaimedPartition,
        parked: &ParkedKey,
        limit: usize,
    ) -> Result<Waiting, StoreError> {
        match (&parked.topic, parked.key.stream()) {
            (Some(_), _) => self.waiting_in_topic(parked, limit.min(RECORDS)).await,
            (None, Some(stream)) => self.waiting_in_stream(claimed, parked, stream, limit).await,
            (None, None) => self.waiting_in_log(claimed, parked, limit).await,
        }
    }

    /// The event in front alone, and the one after it.
    pub(super) async fn front(
        &self,
        claimed: &ClaimedPartition,
        parked: &ParkedKey,
    ) -> Result<Waiting, StoreError> {
        if parked.topic.is_some() {
            // By their number: other producers may give two events the same id.
            let mut records = self.store.waiting_records(parked, 2).await?.into_iter();
            return Ok(Waiting {
                first: records.next(),
                next: records
                    .next()
                    .map(|record| self.failed_event(parked, &record)),
                records: 1,
                ..Waiting::default()
            });
        }
        let waiting = self.waiting(claimed, parked, 1).await?;
        // The role may no longer read the event in front.
        let events = waiting.events.iter().map(FailedEvent::from);
        let mut next = events.chain(waiting.next);
        Ok(Waiting {
            next: next.find(|next| next.id != parked.event.id),
            ..Waiting::default()
        })
    }

    async fn waiting_in_topic(
        &self,
        parked: &ParkedKey,
        limit: usize,
    ) -> Result<Waiting, StoreError> {
        let mut records = self.store.waiting_records(parked, limit + 1).await?;
        let after = (records.len() > limit).then(|| records.pop()).flatten();
        let selection = Selection::of(&self.handler.reads().unwrap_or_default());
        let mut waiting = Waiting {
            first: records.first().cloned(),
            next: after.map(|record| self.failed_event(parked, &record)),
            ..Waiting::default()
        };
        for record in records {
            match self.reader.decode(&record) {
                Ok(event) => {
                    waiting.records += 1;
                    let category = event.stream.category().as_str();
                    if selection.matches(category, &event.event_type) {
                        waiting.events.push(event);
                    } else if waiting.events.is_empty() {
                        waiting.before_first += 1;
                    }
                }
                Err(reason) => {
                    waiting.next = Some(self.failed_event(parked, &record));
                    waiting.unreadable = waiting.events.is_empty().then_some(reason);
                    break;
                }
            }
        }
        Ok(waiting)
    }

    /// What a record of a parked key holds. Of a key that is a stream it counts as one of the stream, whatever a corrected decoder says.
    fn failed_event(&self, parked: &ParkedKey, record: &TopicRecord) -> FailedEvent {
        let event = match self.reader.decode(record) {
            Ok(event) => FailedEvent::from(&event),
            Err(_) => record.not_an_event(),
        };
        let stream = parked.key.stream().cloned();
        FailedEvent {
            stream: stream.unwrap_or(event.stream),
            ..event
        }
    }

    async fn waiting_in_stream(
        &self,
        claimed: &ClaimedPartition,
        parked: &ParkedKey,
        stream: &StreamId,
        limit: usize,
    ) -> Result<Waiting, StoreError> {
        // The constructor of the runner has checked that the handler has a list.
        let selection = Selection::of(&self.handler.reads().unwrap_or_default());
        let mut found = Page::new(limit);
        let mut after = Version::new(parked.event.version.get().saturating_sub(1));
        let front = self.store.read_stream_page(stream, after, 1).await?;
        if front.first().map(|front| front.id) != Some(parked.event.id) {
            found.waiting.erased = true;
            after = Version::EMPTY;
        }
        loop {
            let page = self
                .store
                .read_stream_page(stream, after, limit + 1)
                .await?;
            if page.is_empty() {
                return Ok(found.waiting);
            }
            for event in page {
                after = event.version;
                let category = event.stream.category().as_str();
                if !self.is_read(claimed, &event) {
                    return Ok(found.waiting);
                }
                let waits = selection.matches(category, &event.event_type)
                    && self.is_of(parked, &event)
                    && !self.was_handled_before(&event);
                if waits && !found.take(event) {
                    return Ok(found.waiting);
                }
            }
        }
    }

    async fn waiting_in_log(
        &self,
        claimed: &ClaimedPartition,
        parked: &ParkedKey,
        limit: usize,
    ) -> Result<Waiting, StoreError> {
        let reads = self.handler.reads().unwrap_or_default();
        let mut found = Page::new(limit);
        let mut after = Position::new(parked.event.position.get().saturating_sub(1));
        // Where keys decide the partition, all events of the key are in one slice, which may be ahead.
        let at = match self.handler.partitioned_by() {
            PartitionedBy::Stream => claimed.claim.at,
            PartitionedBy::OrderingKey => claimed.place_of(parked.key.slice()),
        };
        let upto = at.map_or(0, |at| at.offset.get());
        loop {
            let query = LogQuery::new(after, PAGE).upto(Position::new(upto));
            let page = self.store.read_log(query.reads(&reads)).await?;
            for event in page.events {
                let waits = self.is_read(claimed, &event)
                    && self.is_of(parked, &event)
                    && !self.was_handled_before(&event);
                if waits && !found.take(event) {
                    return Ok(found.waiting);
                }
            }
            match page.upto {
                Some(read) => after = Position::new(read.offset.get()),
                None => return Ok(found.waiting),
            }
        }
    }

    fn is_of(&self, parked: &ParkedKey, event: &RecordedEvent) -> bool {
        key_of::<S>(&*self.handler, event) == parked.key
    }

    /// Whether the event was handled before the subscription began to read again: then it does not wait, whatever its key.
    fn was_handled_before(&self, event: &RecordedEvent) -> bool {
        let slice_of = |event: &RecordedEvent| slice_of::<S>(&*self.handler, event);
        ClaimedPartition::was_handled_before(event, &slice_of, &self.selection)
    }

    /// Whether the subscription has read as far as the event. The slice of the event may be ahead of the partition: what was read of
    /// it beyond the partition's own place does not come again, so it waits with the others.
    fn is_read(&self, claimed: &ClaimedPartition, event: &RecordedEvent) -> bool {
        let place = claimed.place_of(slice_of::<S>(&*self.handler, event));
        place.is_some_and(|at| event.position.get() <= at.offset.get())
    }
}
