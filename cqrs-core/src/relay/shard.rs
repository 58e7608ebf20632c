//! One shard of a relay at work: read, publish, and after any doubt open and read again.

use std::time::Duration;

use tokio::sync::watch;

use super::{Relay, RelayError};
use crate::{
    model::{Checkpoint, Position, RetryPolicy, Slices},
    ports::{EventStore, LogPage, LogQuery, PublishError, Publisher, PublisherSession, StoreError},
};

/// How long a shard that has nothing to publish waits before it looks again. A writer in this process wakes it at once.
const IDLE: Duration = Duration::from_millis(50);

/// One shard at work, with a reader of the log of its own: after a doubt it simply reads again from where it stands.
pub(super) struct Shard<'a, S, P> {
    relay: &'a Relay<S, P>,
    number: u16,
    slices: Slices,
    /// The size of the next batch. Halved when a transaction came to nothing, doubled when one succeeded.
    limit: usize,
    failures: u32,
    stopping: watch::Receiver<bool>,
}

impl<'a, S: EventStore, P: Publisher> Shard<'a, S, P> {
    pub(super) fn new(
        relay: &'a Relay<S, P>,
        number: u16,
        stopping: watch::Receiver<bool>,
    ) -> Self {
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

    pub(super) async fn run(mut self, session: P::Session) -> Result<(), RelayError> {
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
        let mut ahead = None;
        while !*self.stopping.borrow() {
            let page = match ahead.take() {
                Some(page) => page,
                None => match self.read(after).await {
                    Ok(page) => page,
                    Err(error) => return self.read_failed(error, session).await,
                },
            };
            let Some(upto) = page.upto else {
                self.idle().await;
                continue;
            };
            after = Position::new(upto.offset.get());
            if page.events.is_empty() {
                continue;
            }
            // The next page is read while this one is on its way.
            let (published, next) =
                tokio::join!(session.publish(&page.events, upto), self.read(after));
            session = match published {
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
            match next {
                Ok(page) => ahead = page.upto.is_some().then_some(page),
                Err(error) => return self.read_failed(error, session).await,
            }
        }
        Ok(Some(session))
    }

    async fn read(&self, after: Position) -> Result<LogPage, StoreError> {
        let query = LogQuery {
            after,
            reads: &[],
            slices: self.slices,
            limit: self.limit,
        };
        self.relay.store.read_log(query).await
    }

    /// The store may come back as another one: its log is verified before it is read on.
    async fn read_failed(
        &mut self,
        error: StoreError,
        session: P::Session,
    ) -> Result<Option<P::Session>, RelayError> {
        self.store_failed(error).await?;
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
