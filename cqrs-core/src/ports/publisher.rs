//! The port of the broker that a relay publishes to.

use async_trait::async_trait;

use crate::{
    model::{Checkpoint, RecordedEvent},
    ports::error::BoxError,
};

/// Why events were not published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Another relay of this name has taken over. Stop; do not open again by yourself.
    #[error("relay {relay:?} was taken over by another instance; run one instance of each relay")]
    Fenced {
        /// The relay.
        relay: String,
    },
    /// The outcome is unknown or the connection broken: open the shard again, which tells where it stands.
    #[error("the shard must be opened again")]
    Reopen(#[source] BoxError),
    /// This event can never be published as things are.
    #[error(
        "{event} cannot be published: {reason}; the relay stops in front of it, nothing is skipped"
    )]
    Refused {
        /// The event, in words.
        event: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The broker's books belong to another relay layout or another cluster.
    #[error("{0}")]
    Misconfigured(String),
    /// The broker cannot be reached.
    #[error("the broker cannot be reached: {reason}")]
    Unavailable {
        /// What was tried.
        reason: String,
    },
}

/// A broker with transactions, or something that can promise as much.
#[async_trait]
pub trait Publisher: Send + Sync + 'static {
    /// One open shard.
    type Session: PublisherSession;

    /// Fences every earlier session of every shard that this relay ever had, then says where each of today's stands.
    async fn open(&self, relay: &str, shards: u16) -> Result<Vec<Self::Session>, PublishError>;

    /// Opens one shard again.
    async fn reopen(&self, relay: &str, shard: u16) -> Result<Self::Session, PublishError>;
}

/// One shard of a relay, under the fence of its opening.
#[async_trait]
pub trait PublisherSession: Send + Sized + 'static {
    /// Its number.
    fn shard(&self) -> u16;

    /// How far it has published; `None` before its first batch.
    fn published(&self) -> Option<Checkpoint>;

    /// Publishes. The events and the new place become visible together or not at all. By value: after an error there is
    /// no session to go on with.
    async fn publish(
        self,
        events: &[RecordedEvent],
        upto: Checkpoint,
    ) -> Result<Self, PublishError>;
}
