//! Store to broker. The event table is the outbox.

mod shard;

use std::{pin::pin, sync::Arc};

use tokio::{
    sync::watch,
    task::{JoinError, JoinSet},
};

use self::shard::Shard;
use crate::{
    model::{Position, Slices},
    ports::{EventStore, PublishError, Publisher, PublisherSession, StoreError},
};

/// Why a relay ended before it was asked to. Nothing was lost: the next start goes on behind the last published event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// The publisher will not go on.
    #[error("relay {relay:?}: {error}")]
    Publish {
        /// The relay.
        relay: String,
        /// Why.
        error: PublishError,
    },
    /// The store will not be read on.
    #[error("relay {relay:?}: {error}")]
    Store {
        /// The relay.
        relay: String,
        /// Why.
        error: StoreError,
    },
    /// The log is not the one that was published so far.
    #[error(
        "relay {relay:?}: the log was replaced: published up to event {published:?} at position {position}, which now \
         holds {found:?}; it was restored or has lost commits. Decide what consumers are to see, then start the relay \
         under a new name and with a new prefix"
    )]
    LogReplaced {
        /// The relay.
        relay: String,
        /// The position of the last published event.
        position: Position,
        /// The last published event.
        published: Option<crate::model::EventId>,
        /// What that position holds now.
        found: Option<crate::model::EventId>,
    },
    /// The relay panicked.
    #[error("relay {relay:?} panicked: {message}")]
    Panicked {
        /// The relay.
        relay: String,
        /// What the panic said.
        message: String,
    },
}

/// Publishes every event of a store, in order and once.
///
/// **Invariant**: the events of a batch and the relay's new place become visible together or not at all. After any doubt
/// a shard is opened again, which fences what came before and tells where it stands, and its log is read again from
/// there.
#[derive(Debug)]
pub struct Relay<S, P> {
    name: String,
    store: S,
    publisher: P,
    shards: u16,
    batch_size: usize,
}

impl<S: EventStore, P: Publisher> Relay<S, P> {
    /// A relay. Its name is its identity at the broker: keep it, and run one instance of it.
    #[must_use]
    pub fn new(name: impl Into<String>, store: S, publisher: P) -> Self {
        Self {
            name: name.into(),
            store,
            publisher,
            shards: 1,
            batch_size: 5_000,
        }
    }

    /// How many events a transaction publishes at most; 5,000 by default. It takes what is there and waits for no more.
    #[must_use]
    pub fn batch_size(mut self, events: usize) -> Self {
        self.batch_size = events.max(1);
        self
    }

    /// How many shards publish side by side, each a range of slices; 1 by default. The number is recorded at the broker,
    /// and another one is refused.
    #[must_use]
    pub fn shards(mut self, shards: u16) -> Self {
        self.shards = shards.clamp(1, Slices::COUNT);
        self
    }

    /// Publishes until `stop` resolves, then finishes the batch in hand.
    ///
    /// Once it has started, a broker or store that is away is waited for.
    ///
    /// # Errors
    /// When the broker cannot be reached at the start, another instance took over, an event can never be published, or
    /// the log was replaced.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), RelayError> {
        let publish = |error| RelayError::Publish {
            relay: self.name.clone(),
            error,
        };
        let sessions = self
            .publisher
            .open(&self.name, self.shards)
            .await
            .map_err(publish)?;
        let name = self.name.clone();
        let relay = Arc::new(self);
        let (stopped, stopping) = watch::channel(false);
        let mut shards = JoinSet::new();
        for session in sessions {
            let (relay, stopping) = (Arc::clone(&relay), stopping.clone());
            shards.spawn(async move {
                Shard::new(&relay, session.shard(), stopping)
                    .run(session)
                    .await
            });
        }
        drop(stopping);
        let (mut stop, mut outcome) = (pin!(stop), Ok(()));
        loop {
            tokio::select! {
                () = &mut stop, if !*stopped.borrow() => { stopped.send_replace(true); }
                ended = shards.join_next() => {
                    let Some(ended) = ended else { return outcome };
                    let panicked = |error: JoinError| {
                        Err(RelayError::Panicked { relay: name.clone(), message: error.to_string() })
                    };
                    outcome = outcome.and(ended.unwrap_or_else(panicked));
                    if outcome.is_err() {
                        stopped.send_replace(true);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
