//! The port of the broker that a relay publishes to.

use crate::{
    model::{Checkpoint, EventId, LogId, LogIdentity, Position, RecordedEvent},
    ports::error::BoxError,
};

/// Events that could not be published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Somebody without the lease has opened the relay. Stop, and do not open the shards again.
    #[error(
        "somebody without its lease has opened the relay: a call of Relay::recover or Relay::publish_again, or a relay of this \
         name over another store. After such a call start the relay again; otherwise give each store its own topic prefix"
    )]
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

/// An event in a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishedEvent {
    /// The id of the log, as it was when the event was published.
    pub log: LogId,
    /// The position of the event.
    pub position: Position,
    /// Its id.
    pub id: EventId,
}

impl PublishedEvent {
    /// An event in a topic.
    #[must_use]
    pub const fn new(log: LogId, position: Position, id: EventId) -> Self {
        Self { log, position, id }
    }
}

/// What topics have of the events of a shard.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PublishedShard {
    /// The events at the ends of the topics, the highest position first.
    pub events: Vec<PublishedEvent>,
    /// `events` has every event in the topics after this position; `None`: all of them.
    pub complete_after: Option<Position>,
}

impl PublishedShard {
    /// These events, of those that the topics have after a position.
    #[must_use]
    pub fn new(mut events: Vec<PublishedEvent>, complete_after: Option<Position>) -> Self {
        events.sort_unstable_by_key(|event| std::cmp::Reverse(event.position));
        Self {
            events,
            complete_after,
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

    /// Fences every session of the relay, and returns what the topics have of each shard: at least the last `depth` records of
    /// each partition, whoever has published them.
    fn published(
        &self,
        publication: &Publication,
        depth: u64,
    ) -> impl Future<Output = Result<Vec<PublishedShard>, PublishError>> + Send;

    /// Fences every session of the relay, and records that each shard has published up to its checkpoint (`None`: nothing), of
    /// this log and to the topics as they are now, whatever was recorded before.
    fn restart(
        &self,
        publication: &Publication,
        published: &[Option<Checkpoint>],
    ) -> impl Future<Output = Result<(), PublishError>> + Send;
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
