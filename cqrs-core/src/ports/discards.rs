//! The port of what was discarded: the events and records that a subscription has passed over because somebody said so.

use std::{fmt, time::SystemTime};

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
    /// An event of the store's own log, discarded now.
    #[must_use]
    pub fn event(
        subscription: impl Into<String>,
        event: impl Into<DiscardedEvent>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            subscription: subscription.into(),
            event: Some(event.into()),
            record: None,
            reason: reason.into(),
            at: SystemTime::now(),
        }
    }

    /// A record of a topic, with the event that it holds if it holds one, discarded now.
    #[must_use]
    pub fn record(
        subscription: impl Into<String>,
        record: TopicRecord,
        event: Option<DiscardedEvent>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            subscription: subscription.into(),
            event,
            record: Some(record),
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

/// `order-17@3 of subscription "mails": the address is gone`, without the content.
impl fmt::Display for Discarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(record) = &self.record {
            let topic = &record.topic;
            let partition = record.partition;
            write!(f, "offset {} of {topic}/{partition}", record.offset)?;
        }
        if let Some(DiscardedEvent {
            stream, version, ..
        }) = &self.event
        {
            let before = if self.record.is_some() { ", " } else { "" };
            write!(f, "{before}{stream}@{version}")?;
        }
        write!(
            f,
            " of subscription {:?}: {}",
            self.subscription, self.reason
        )
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
