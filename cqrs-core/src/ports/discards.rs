//! The port of discarded events: what a subscription has passed over because somebody said so.

use std::time::SystemTime;

use crate::{
    model::{EventId, Position, StreamId, Version},
    ports::{error::StoreError, unit_of_work::UnitOfWork},
};

/// An event that a subscription passes over, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Discarded {
    /// The subscription. Others still handle the event.
    pub subscription: String,
    /// The event's stream.
    pub stream: StreamId,
    /// Its version.
    pub version: Version,
    /// Its position.
    pub position: Position,
    /// Its id.
    pub event_id: EventId,
    /// Why it was discarded.
    pub reason: String,
    /// When it was discarded.
    pub at: SystemTime,
}

impl Discarded {
    /// An event that is discarded now.
    #[must_use]
    pub fn new(
        subscription: impl Into<String>,
        stream: StreamId,
        version: Version,
        position: Position,
        event_id: EventId,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            subscription: subscription.into(),
            stream,
            version,
            position,
            event_id,
            reason: reason.into(),
            at: SystemTime::now(),
        }
    }

    /// The same event, discarded at this time.
    #[must_use]
    pub const fn at(mut self, at: SystemTime) -> Self {
        self.at = at;
        self
    }
}

/// The discarded events of subscriptions. They are recorded for good: nothing is passed over in silence.
pub trait Discards: UnitOfWork {
    /// Records a discarded event, in the transaction that moves the checkpoint past it. The store also records the operation,
    /// with the time and the user, if it has users.
    fn discard_in(
        &self,
        transaction: &mut Self::Transaction,
        discarded: &Discarded,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The discarded events of a subscription, in the order in which they were discarded.
    fn discarded(
        &self,
        subscription: &str,
    ) -> impl Future<Output = Result<Vec<Discarded>, StoreError>> + Send;
}
