//! The port of the broker that a relay publishes to.

use crate::{
    model::{Checkpoint, RecordedEvent},
    ports::error::BoxError,
};

/// Events that could not be published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Another instance of the relay has taken over. Stop, and do not open the shards again.
    #[error("another instance has taken over; run only one instance of each relay")]
    Fenced,
    /// The outcome is unknown or the connection broke. Open the shard again to find out what was published.
    #[error("the shard must be opened again")]
    Reopen(#[source] BoxError),
    /// This event cannot be published without a change of the settings.
    #[error("{event} cannot be published; the relay stops at this event and skips nothing")]
    Rejected {
        /// The event, as text.
        event: String,
        /// The cause, and how to fix it.
        #[source]
        reason: BoxError,
    },
    /// The broker, or the relay's progress there, does not fit the relay's settings.
    #[error("the relay's settings do not fit the broker")]
    Misconfigured(#[source] BoxError),
    /// The broker cannot be reached.
    #[error("the broker cannot be reached")]
    Unavailable(#[source] BoxError),
}

impl PublishError {
    /// Whether another attempt may succeed without a change. It must open the shard again first.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Reopen(_) | Self::Unavailable(_))
    }
}

/// A broker with transactions or an equivalent guarantee.
pub trait Publisher: Send + Sync + 'static {
    /// One open shard.
    type Session: PublisherSession;

    /// Fences every earlier session of this relay, also of shards that it no longer has, then opens its shards and reads how
    /// far each has published.
    fn open(
        &self,
        relay: &str,
        shards: u16,
    ) -> impl Future<Output = Result<Vec<Self::Session>, PublishError>> + Send;

    /// Opens one shard again.
    fn reopen(
        &self,
        relay: &str,
        shard: u16,
    ) -> impl Future<Output = Result<Self::Session, PublishError>> + Send;
}

/// An open shard of a relay. A later opening of the shard fences it.
pub trait PublisherSession: Send + Sized + 'static {
    /// The number of the shard.
    fn shard(&self) -> u16;

    /// How far it has published; `None` before its first batch.
    fn published(&self) -> Option<Checkpoint>;

    /// Publishes the events and the new progress together or not at all. It takes `self` by value, because a session cannot
    /// be used after an error.
    fn publish(
        self,
        events: &[RecordedEvent],
        upto: Checkpoint,
    ) -> impl Future<Output = Result<Self, PublishError>> + Send;
}
