//! The data that the clients of a history share: the clock, the start, and the ids of streams and events.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use bytes::Bytes;
use cqrs_core::{
    EventId, ExpectedVersion, IdempotencyKey, Metadata, StreamId,
    model::{Category, Idempotency, NewEvent},
    ports::{Append, Appends},
};
use uuid::Uuid;

use super::super::history::{EventNumber, Key, Participant, Stream};

pub(super) struct SharedState {
    /// The common part of the event ids. The rest is the event's number, so that foreign events are recognized.
    ids: u128,
    streams: Vec<StreamId>,
    clock: AtomicUsize,
    events: AtomicU32,
    /// The number of clients that have not started yet.
    missing: AtomicUsize,
}

/// The bits of an event's id that are its number.
const NUMBER: u128 = u32::MAX as u128;

impl SharedState {
    pub(super) fn new(streams: usize, clients: usize) -> Self {
        let history = Uuid::new_v4();
        let category = Category::new("history").expect("a valid category");
        let stream = |number| {
            let id = format!("{}/{}", history.simple(), Stream(number));
            StreamId::new(category.clone(), id).expect("a valid id")
        };
        Self {
            ids: history.as_u128() & !NUMBER,
            streams: (0..streams).map(stream).collect(),
            clock: AtomicUsize::new(0),
            events: AtomicU32::new(1),
            missing: AtomicUsize::new(clients),
        }
    }

    pub(super) fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Returns when all clients have started. They poll instead of waiting at a barrier: a barrier would wake them all into
    /// the queue of one thread, and they would not run in parallel.
    pub(super) async fn start(&self) {
        self.missing.fetch_sub(1, Ordering::SeqCst);
        while self.missing.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
    }

    /// The current time. Each call returns a later one.
    pub(super) fn now(&self) -> usize {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    pub(super) fn new_events(&self, count: usize) -> Vec<EventNumber> {
        let next = || EventNumber(self.events.fetch_add(1, Ordering::Relaxed));
        std::iter::repeat_with(next).take(count).collect()
    }

    pub(super) fn id(&self, stream: Stream) -> &StreamId {
        &self.streams[stream.0]
    }

    /// The stream with this id.
    pub(super) fn stream(&self, id: &StreamId) -> Stream {
        let number = self.streams.iter().position(|stream| stream == id);
        number.map_or(Stream::FOREIGN, Stream)
    }

    /// The event with this id.
    pub(super) fn event(&self, id: EventId) -> EventNumber {
        let id = id.as_uuid().as_u128();
        match u32::try_from(id & NUMBER) {
            Ok(number) if id & !NUMBER == self.ids => EventNumber(number),
            _ => EventNumber::FOREIGN,
        }
    }

    /// The arguments for the store.
    pub(super) fn appends(&self, to: &[Participant], key: Option<Key>) -> Appends {
        let append = |participant: &Participant| {
            Append::new(
                self.id(participant.stream).clone(),
                self.expected(participant.expected),
                participant
                    .events
                    .iter()
                    .map(|event| self.new_event(*event))
                    .collect(),
            )
        };
        let streams = to.iter().map(append).collect();
        Appends::new(streams, key.map(|key| self.idempotency(key)))
    }

    pub(super) fn idempotency(&self, Key { number, command }: Key) -> Idempotency {
        let key = format!("{:x}/{number}", self.ids);
        Idempotency::new(IdempotencyKey::new(key).expect("a valid key"), command)
    }

    fn expected(&self, expected: ExpectedVersion) -> ExpectedVersion {
        match expected {
            ExpectedVersion::LastEvent(version, id) => {
                ExpectedVersion::LastEvent(version, self.event_id(EventNumber::of_id(id)))
            }
            other => other,
        }
    }

    fn new_event(&self, number: EventNumber) -> NewEvent {
        NewEvent::from_parts(
            self.event_id(number),
            "Happened",
            Bytes::from_static(b"{}"),
            Metadata::default(),
        )
    }

    fn event_id(&self, EventNumber(number): EventNumber) -> EventId {
        EventId::from_uuid(Uuid::from_u128(self.ids | u128::from(number)))
    }
}
