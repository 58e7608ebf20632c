//! The loop of a relay: holds its name, opens its shards, then starts a worker for each.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Relay, error::RelayErrorKind, shard::Shard};
use crate::{
    ports::{EventStore, NameKind, Names, Publisher, PublisherSession},
    run_loop::{LoopName, OwnName, Retries, Work, Workers},
};

pub(super) struct Shards<S, P: Publisher> {
    relay: Arc<Relay<S, P>>,
    name: OwnName,
    /// The sessions without a worker; `None` until the shards are opened.
    sessions: Option<Vec<P::Session>>,
    retries: Retries,
    /// `true`: stop.
    stop: watch::Sender<bool>,
}

impl<S: EventStore + Names, P: Publisher> Shards<S, P> {
    pub(super) fn new(relay: Relay<S, P>) -> Self {
        let name = LoopName::Relay(relay.name.clone());
        Self {
            name: OwnName::new(NameKind::Relay, &relay.name),
            sessions: None,
            retries: Retries::new(name, None, relay.reporter.clone()),
            relay: Arc::new(relay),
            stop: watch::channel(false).0,
        }
    }

    /// Returns when the name is held; retries until the store is available.
    async fn take_name(&mut self) -> Result<(), RelayErrorKind> {
        loop {
            match self
                .name
                .take(&self.relay.store)
                .await
                .map_err(RelayErrorKind::from)
            {
                Err(error) if error.is_retryable() => {
                    tokio::time::sleep(self.retries.failed(&error)).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Opens the shards; retries until the broker is available.
    async fn open(&mut self) -> Result<Vec<P::Session>, RelayErrorKind> {
        loop {
            match self.relay.open().await {
                Err(error) if error.is_retryable() => {
                    tokio::time::sleep(self.retries.failed(&error)).await;
                }
                outcome => return outcome,
            }
        }
    }

    fn worker(&self, session: P::Session) -> Work<RelayErrorKind> {
        let relay = Arc::clone(&self.relay);
        let stopping = self.stop.subscribe();
        Box::pin(async move {
            let shard = Shard::new(&relay, session.shard(), stopping);
            shard.run(session).await
        })
    }
}

#[async_trait]
impl<S: EventStore + Names, P: Publisher> Workers for Shards<S, P> {
    type Error = RelayErrorKind;

    async fn next(&mut self) -> Result<Option<Work<RelayErrorKind>>, RelayErrorKind> {
        if *self.stop.borrow() {
            return Ok(None);
        }
        loop {
            self.take_name().await?;
            if self.sessions.is_none() {
                self.sessions = Some(self.open().await?);
            }
            if let Some(session) = self.sessions.as_mut().and_then(Vec::pop) {
                return Ok(Some(self.worker(session)));
            }
            // Every shard has its worker. The loop calls this again after `stop`.
            self.name.lost().await;
        }
    }

    fn stop(&mut self) {
        self.stop.send_replace(true);
    }

    fn panicked(&self, message: String) -> RelayErrorKind {
        RelayErrorKind::Panicked(message)
    }
}
