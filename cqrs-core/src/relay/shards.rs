//! The loop of a relay: opens its shards, then starts a worker for each.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{Relay, error::RelayErrorKind, shard::Shard};
use crate::{
    ports::{EventStore, Publisher, PublisherSession},
    run_loop::{LoopName, Retries, Work, Workers},
};

pub(super) struct Shards<S, P: Publisher> {
    relay: Arc<Relay<S, P>>,
    /// The sessions without a worker; `None` until the shards are opened.
    sessions: Option<Vec<P::Session>>,
    retries: Retries,
    /// `true`: stop.
    stop: watch::Sender<bool>,
}

impl<S: EventStore, P: Publisher> Shards<S, P> {
    pub(super) fn new(relay: Relay<S, P>) -> Self {
        let name = LoopName::Relay(relay.name.clone());
        Self {
            sessions: None,
            retries: Retries::new(name, None, relay.reporter.clone()),
            relay: Arc::new(relay),
            stop: watch::channel(false).0,
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
impl<S: EventStore, P: Publisher> Workers for Shards<S, P> {
    type Error = RelayErrorKind;

    async fn next(&mut self) -> Result<Option<Work<RelayErrorKind>>, RelayErrorKind> {
        if *self.stop.borrow() {
            return Ok(None);
        }
        if self.sessions.is_none() {
            self.sessions = Some(self.open().await?);
        }
        if let Some(session) = self.sessions.as_mut().and_then(Vec::pop) {
            return Ok(Some(self.worker(session)));
        }
        // Every shard has its worker. The loop calls this again after `stop`.
        std::future::pending().await
    }

    fn stop(&mut self) {
        self.stop.send_replace(true);
    }

    fn panicked(&self, message: String) -> RelayErrorKind {
        RelayErrorKind::Panicked(message)
    }
}
