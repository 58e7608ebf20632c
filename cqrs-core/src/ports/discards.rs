//! The port of what was discarded: the events and records that a subscription has passed over because somebody said so.

use std::time::SystemTime;

use crate::{
    model::{EventId, Position, RecordedEvent, StreamId, Version},
    ports::{error::StoreError, records::TopicRecord, unit_of_work::UnitOfWork},
};

/// An event of the log or a record of a topic that a subscription passes over, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Discarded {
    /// The subscription. Others still handle it.
    pub subscription: String,
    /// The event; `None` for a record that is not an event.
    pub event: Option<DiscardedEvent>,
    /// The record; `None` for an event of the store's own log, which keeps it.
    pub record: Option<TopicRecord>,
    /// Why it was discarded.
    pub reason: String,
    /// When it was discarded.
    pub at: SystemTime,
}

/// An event that was discarded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiscardedEvent {
    /// Its stream.
    pub stream: StreamId,
    /// Its version.
    pub version: Version,
    /// Its position.
    pub position: Position,
    /// Its id.
    pub id: EventId,
}

impl DiscardedEvent {
    /// The event with this identity.
    #[must_use]
    pub const fn new(stream: StreamId, version: Version, position: Position, id: EventId) -> Self {
        Self {
            stream,
            version,
            position,
            id,
        }
    }
}

impl From<RecordedEvent> for DiscardedEvent {
    fn from(event: RecordedEvent) -> Self {
        Self::new(event.stream, event.version, event.position, event.id)
    }
}

impl Discarded {
    /// What is discarded now: an event, a record, or a record with the event that it holds.
    #[must_use]
    pub fn new(
        subscription: impl Into<String>,
        event: Option<DiscardedEvent>,
        record: Option<TopicRecord>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            subscription: subscription.into(),
            event,
            record,
            reason: reason.into(),
            at: SystemTime::now(),
        }
    }

    /// The same, discarded at this time.
    #[must_use]
    pub const fn at(mut self, at: SystemTime) -> Self {
        self.at = at;
        self
    }
}

/// What subscriptions have discarded. It is recorded for good: nothing is passed over in silence.
pub trait Discards: UnitOfWork {
    /// Records what is discarded, in the transaction that moves the checkpoint past it. The store also records the operation,
    /// with the time and the user, if it has users.
    fn discard_in(
        &self,
        transaction: &mut Self::Transaction,
        discarded: &Discarded,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// What a subscription has discarded, in the order in which it was discarded.
    fn discarded(
        &self,
        subscription: &str,
    ) -> impl Future<Output = Result<Vec<Discarded>, StoreError>> + Send;
}
