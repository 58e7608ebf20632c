//! Store to broker. The event table is the outbox.

use std::{pin::pin, time::Duration};

use tokio::{sync::watch, task::JoinSet};

use crate::{
    Checkpoint, EventStore, LogQuery, Position, PublishError, Publisher, PublisherSession,
    RetryPolicy, Slices, StoreError,
};

/// How long a shard that has nothing to publish waits before it looks again. A writer in this process wakes it at once.
const IDLE: Duration = Duration::from_millis(50);

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
        published: Option<crate::EventId>,
        /// What that position holds now.
        found: Option<crate::EventId>,
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
        let relay = std::sync::Arc::new(self);
        let (stopped, stopping) = watch::channel(false);
        let mut shards = JoinSet::new();
        for session in sessions {
            let (relay, stopping) = (std::sync::Arc::clone(&relay), stopping.clone());
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
                    let panicked = |error: tokio::task::JoinError| {
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

/// One shard at work, with a reader of the log of its own: after a doubt it simply reads again from where it stands.
struct Shard<'a, S, P> {
    relay: &'a Relay<S, P>,
    number: u16,
    slices: Slices,
    /// The size of the next batch. Halved when a transaction came to nothing, doubled when one succeeded.
    limit: usize,
    failures: u32,
    stopping: watch::Receiver<bool>,
}

impl<'a, S: EventStore, P: Publisher> Shard<'a, S, P> {
    fn new(relay: &'a Relay<S, P>, number: u16, stopping: watch::Receiver<bool>) -> Self {
        let slices = Slices::part(number, relay.shards);
        Self {
            relay,
            number,
            slices,
            limit: relay.batch_size,
            failures: 0,
            stopping,
        }
    }

    async fn run(mut self, session: P::Session) -> Result<(), RelayError> {
        let mut session = Some(session);
        while !*self.stopping.borrow() {
            session = match session {
                Some(session) => self.publish_on(session).await?,
                None => self.reopen().await?,
            };
        }
        Ok(())
    }

    /// Publishes until it is to stop or the session is no longer good.
    async fn publish_on(
        &mut self,
        mut session: P::Session,
    ) -> Result<Option<P::Session>, RelayError> {
        let published = session.published();
        if let Some(checkpoint) = published
            && !self.verified(checkpoint).await?
        {
            return Ok(Some(session));
        }
        let mut after = Position::new(published.map_or(0, |checkpoint| checkpoint.offset.get()));
        while !*self.stopping.borrow() {
            let query = LogQuery {
                after,
                reads: &[],
                slices: self.slices,
                limit: self.limit,
            };
            let page = match self.relay.store.read_log(query).await {
                Ok(page) => page,
                Err(error) => {
                    // It may come back as another one: verify it again.
                    self.store_failed(error).await?;
                    return Ok(Some(session));
                }
            };
            let Some(upto) = page.upto else {
                self.idle().await;
                continue;
            };
            if !page.events.is_empty() {
                session = match session.publish(&page.events, upto).await {
                    Ok(session) => session,
                    // Some event of several: smaller batches bring what comes before it through.
                    Err(PublishError::Refused { .. }) if page.events.len() > 1 => {
                        self.limit = page.events.len() / 2;
                        return Ok(None);
                    }
                    Err(error) => return self.publish_failed(error).await.map(|()| None),
                };
                self.failures = 0;
                self.limit = (self.limit * 2).min(self.relay.batch_size);
            }
            after = Position::new(upto.offset.get());
        }
        Ok(Some(session))
    }

    /// `false`: the store could not be asked.
    async fn verified(&mut self, published: Checkpoint) -> Result<bool, RelayError> {
        let position = Position::new(published.offset.get());
        match self.relay.store.event_id_at(position).await {
            Ok(found) if found == published.event_id => Ok(true),
            Ok(found) => {
                let relay = self.relay.name.clone();
                Err(RelayError::LogReplaced {
                    relay,
                    position,
                    published: published.event_id,
                    found,
                })
            }
            Err(error) => self.store_failed(error).await.map(|()| false),
        }
    }

    async fn reopen(&mut self) -> Result<Option<P::Session>, RelayError> {
        match self
            .relay
            .publisher
            .reopen(&self.relay.name, self.number)
            .await
        {
            Ok(session) => Ok(Some(session)),
            Err(error) => self.publish_failed(error).await.map(|()| None),
        }
    }

    async fn publish_failed(&mut self, error: PublishError) -> Result<(), RelayError> {
        match error {
            PublishError::Reopen(_) | PublishError::Unavailable { .. } => {
                self.limit = (self.limit / 2).max(1);
                self.back_off(&error).await;
                Ok(())
            }
            error => Err(RelayError::Publish {
                relay: self.relay.name.clone(),
                error,
            }),
        }
    }

    async fn store_failed(&mut self, error: StoreError) -> Result<(), RelayError> {
        if !error.is_retryable() {
            return Err(RelayError::Store {
                relay: self.relay.name.clone(),
                error,
            });
        }
        self.back_off(&error).await;
        Ok(())
    }

    async fn back_off(&mut self, error: &(dyn std::error::Error + Send + Sync)) {
        self.failures = self.failures.saturating_add(1);
        let wait = RetryPolicy::ALWAYS
            .wait(self.failures)
            .unwrap_or(RetryPolicy::ALWAYS.longest);
        let source = error.source().map(ToString::to_string).unwrap_or_default();
        tracing::warn!(relay = self.relay.name, shard = self.number, failures = self.failures, ?wait, %error, source, "relay waits");
        // Either the time is up or the relay is to stop; the caller looks.
        let _ = tokio::time::timeout(wait, self.stopping.wait_for(|stop| *stop)).await;
    }

    async fn idle(&mut self) {
        tokio::select! {
            () = self.relay.store.wait_for_append(IDLE) => {}
            _ = self.stopping.wait_for(|stop| *stop) => {}
        }
    }
}

#[cfg(test)]
mod tests;
