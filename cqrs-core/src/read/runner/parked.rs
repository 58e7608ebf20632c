//! The parked keys of a claimed partition.
//!
//! **Invariant**: they are read after the claim, and only this worker changes them until the next claim. So what a batch leaves out
//! is parked, and what is parked is left out.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use tokio::time::Instant;

use super::batch_limit::{BatchLimit, BatchSizes};
use crate::{
    model::{Checkpoint, Offset, OrderingKey, PartitionedBy, RecordedEvent},
    ports::{Batch, BoxError, UnitOfWork, UnreadableRecord, WaitingRecord},
    read::handler::Handler,
};

/// How often a worker asks whether something is requested, if anything is parked.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// How long the redrive of a key waits that has come to an event which newer code wrote.
const WAIT_FOR_NEWER: Duration = Duration::from_secs(10);

/// The most events of a redrive in one transaction.
const LARGEST_REDRIVE: usize = 500;

/// The parked keys, and the state of their redrive.
#[derive(Debug)]
pub(super) struct Parked {
    keys: HashSet<OrderingKey>,
    /// When to ask next.
    due: Instant,
    /// The keys whose next event newer code wrote, and when to try them again.
    postponed: HashMap<OrderingKey, Instant>,
    /// For the next redrive.
    pub(super) limit: BatchLimit,
    /// An event of a topic has failed: its key can be parked only with its record.
    pub(super) failing: bool,
}

/// What a batch leaves out, because its keys are parked.
#[derive(Debug, Default)]
pub(super) struct HeldBack {
    /// How many events and records that are no events were before the first event that is left.
    pub(super) before_first: usize,
    /// The records of a topic.
    pub(super) records: Vec<WaitingRecord>,
}

impl Parked {
    pub(super) fn new(sizes: BatchSizes) -> Self {
        Self {
            keys: HashSet::new(),
            due: Instant::now(),
            postponed: HashMap::new(),
            limit: BatchLimit::new(BatchSizes {
                first: sizes.first.min(LARGEST_REDRIVE),
                largest: sizes.largest.min(LARGEST_REDRIVE),
            }),
            failing: false,
        }
    }

    /// After a claim: the keys that are parked in the partition.
    pub(super) fn claimed(&mut self, keys: Vec<OrderingKey>) {
        self.keys = keys.into_iter().collect();
    }

    /// Ends a batch right before its first record that is no event and whose key is not parked. Returns that record.
    pub(super) fn cut_before_unreadable<S: UnitOfWork>(
        &self,
        handler: &impl Handler<S>,
        batch: &mut Batch,
    ) -> Option<UnreadableRecord> {
        let is_parked =
            |record: &UnreadableRecord| self.keys.contains(&key_of_unreadable(handler, record));
        let index = batch
            .unreadable
            .iter()
            .position(|record| !is_parked(record))?;
        let first = batch.unreadable.drain(index..).next()?;
        let end = first.record.offset;
        let is_before = |event: &RecordedEvent| event.offset.is_some_and(|offset| offset < end);
        batch.events.retain(is_before);
        // The checkpoint names the event right before it, if that is one.
        let unreadable = batch.unreadable.last().map(|last| last.record.offset);
        let event = batch
            .events
            .last()
            .filter(|event| event.offset > unreadable);
        batch.next = Checkpoint::new(end, event.map(|event| event.id));
        Some(first)
    }

    /// Takes the events of parked keys out of a batch, with the records that are no events: their keys are parked.
    ///
    /// # Errors
    /// An event of a topic whose record the reader has not kept: it would be lost.
    pub(super) fn hold_back<S: UnitOfWork>(
        &self,
        handler: &impl Handler<S>,
        batch: &mut Batch,
    ) -> Result<HeldBack, BoxError> {
        let mut held = HeldBack::default();
        if self.keys.is_empty() {
            return Ok(held);
        }
        let unreadable = std::mem::take(&mut batch.unreadable);
        let offsets = Vec::from_iter(unreadable.iter().map(|held| held.record.offset));
        held.records
            .extend(unreadable.into_iter().map(|unreadable| {
                let key = key_of_unreadable(handler, &unreadable);
                WaitingRecord::new(key, unreadable.record)
            }));
        let mut left = Vec::with_capacity(batch.events.len());
        for event in std::mem::take(&mut batch.events) {
            let key = key_of(handler, &event);
            if !self.keys.contains(&key) {
                left.push(event);
                continue;
            }
            held.before_first += usize::from(left.is_empty());
            if event.offset.is_some() {
                let record = batch.record_of(&event).ok_or_else(|| not_kept(&event))?;
                held.records.push(WaitingRecord::new(key, record.clone()));
            }
        }
        held.records.sort_by_key(|waiting| waiting.record.offset);
        let first = left.first().and_then(|event| event.offset);
        let is_before = |offset: &&Offset| first.is_none_or(|first| **offset < first);
        held.before_first += offsets.iter().filter(is_before).count();
        batch.events = left;
        Ok(held)
    }

    /// Whether the reader of a topic must keep its records.
    pub(super) fn needs_records(&self) -> bool {
        self.failing || !self.keys.is_empty()
    }

    pub(super) fn count(&self) -> u64 {
        self.keys.len() as u64
    }

    /// Only the transaction that takes a key out for good comes before this.
    pub(super) fn remove(&mut self, key: &OrderingKey) {
        self.keys.remove(key);
        self.postponed.remove(key);
        self.limit.restart();
    }

    /// Whether it is time to ask what is requested.
    pub(super) fn is_due(&mut self) -> bool {
        let due = !self.keys.is_empty() && Instant::now() >= self.due;
        if due {
            self.due = Instant::now() + ASK_EVERY;
        }
        due
    }

    /// Asks again at once.
    pub(super) fn soon(&mut self) {
        self.due = Instant::now();
    }

    pub(super) fn postpone(&mut self, key: OrderingKey) {
        self.postponed.insert(key, Instant::now() + WAIT_FOR_NEWER);
        self.limit.restart();
    }

    pub(super) fn is_postponed(&self, key: &OrderingKey) -> bool {
        let until = self.postponed.get(key);
        until.is_some_and(|until| Instant::now() < *until)
    }
}

fn not_kept(event: &RecordedEvent) -> BoxError {
    format!("the source has not kept the record of {event}, whose key is parked").into()
}

/// The key of an event: its stream, unless the handler has another one. Where that is another stream it counts as a name, because its
/// events are not all in that stream. Where keys decide the partition each is a name, so that a key has one slice.
pub(super) fn key_of<S: UnitOfWork>(
    handler: &impl Handler<S>,
    event: &RecordedEvent,
) -> OrderingKey {
    let key = handler.ordering_key(event);
    match key.stream() {
        Some(stream) if *stream != event.stream || !handler.partitioned_by().is_stream() => {
            OrderingKey::of_foreign(stream)
        }
        _ => key,
    }
}

/// The key of a record that is no event: that of an event of its stream, or one of its own.
pub(super) fn key_of_unreadable<S: UnitOfWork>(
    handler: &impl Handler<S>,
    unreadable: &UnreadableRecord,
) -> OrderingKey {
    if unreadable.stream.is_some() {
        return key_of(handler, &unreadable.stand_in());
    }
    let (partition, offset) = (unreadable.record.partition, unreadable.record.offset);
    let name = format!("record {partition}/{offset}");
    OrderingKey::named(name).expect("two numbers make a short name")
}

/// The slice that decides in which partition an event is.
pub(super) fn slice_of<S: UnitOfWork>(handler: &impl Handler<S>, event: &RecordedEvent) -> u16 {
    match handler.partitioned_by() {
        PartitionedBy::Stream => event.stream.slice(),
        PartitionedBy::OrderingKey => key_of(handler, event).slice(),
    }
}
