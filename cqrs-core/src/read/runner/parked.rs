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
    model::{OrderingKey, PartitionedBy, RecordedEvent},
    ports::UnitOfWork,
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
        }
    }

    /// After a claim: the keys that are parked in the partition.
    pub(super) fn claimed(&mut self, keys: Vec<OrderingKey>) {
        self.keys = keys.into_iter().collect();
    }

    /// Takes the events of parked keys out of a batch. Returns how many of them were before the first event that is left.
    pub(super) fn hold_back<S: UnitOfWork>(
        &self,
        handler: &impl Handler<S>,
        events: &mut Vec<RecordedEvent>,
    ) -> usize {
        if self.keys.is_empty() {
            return 0;
        }
        let mut before_first = 0;
        let mut found = false;
        events.retain(|event| {
            let waits = self.keys.contains(&key_of(handler, event));
            found |= !waits;
            before_first += usize::from(!found);
            !waits
        });
        before_first
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

    /// Asks again before the batch after the next.
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

/// The slice that decides in which partition an event is.
pub(super) fn slice_of<S: UnitOfWork>(handler: &impl Handler<S>, event: &RecordedEvent) -> u16 {
    match handler.partitioned_by() {
        PartitionedBy::Stream => event.stream.slice(),
        PartitionedBy::OrderingKey => key_of(handler, event).slice(),
    }
}
