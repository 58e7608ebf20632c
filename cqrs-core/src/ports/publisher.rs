//! The port of the broker that a relay publishes to.

use crate::{
    model::{Checkpoint, LogIdentity, RecordedEvent},
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

/// What a relay publishes, and under which name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Publication {
    /// The name of the relay.
    pub relay: String,
    /// How many shards publish in parallel, each a [part](crate::model::Slices::part) of the slices.
    pub shards: u16,
    /// The log whose events are published.
    pub log: LogIdentity,
}

impl Publication {
    /// What the relay of this name publishes.
    #[must_use]
    pub fn new(relay: impl Into<String>, shards: u16, log: LogIdentity) -> Self {
        Self {
            relay: relay.into(),
            shards: shards.max(1),
            log,
        }
    }
}

/// A broker with transactions or an equivalent guarantee.
pub trait Publisher: Send + Sync + 'static {
    /// One open shard.
    type Session: PublisherSession;

    /// Checks that what the relay has published so far is of this log, and that the broker still has it. Then fences every
    /// earlier session of this relay, also of shards that it no longer has, opens its shards and reads how far each has
    /// published.
    fn open(
        &self,
        publication: &Publication,
    ) -> impl Future<Output = Result<Vec<Self::Session>, PublishError>> + Send;

    /// Opens one shard again, after the same checks.
    fn reopen(
        &self,
        publication: &Publication,
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
