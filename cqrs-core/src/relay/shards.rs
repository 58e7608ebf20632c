//! The loop of a relay: takes the relay for this process, opens its shards, then starts a worker for each. When another process has
//! taken it, the workers end, and the loop waits until it can take the relay again.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::watch;

use super::{
    Relay,
    error::RelayErrorKind,
    member::{RelayMember, Term},
    shard::Shard,
};
use crate::{
    ports::{EventStore, Leases, Publisher, PublisherSession},
    run_loop::{LoopName, Retries, Work, Workers},
};

pub(super) struct Shards<S, P: Publisher> {
    relay: Arc<Relay<S, P>>,
    member: Option<RelayMember>,
    /// `None` while another process has the relay.
    opened: Option<Opened<P::Session>>,
    retries: Retries,
    stopping: bool,
}

/// The shards, opened for a term.
struct Opened<E> {
    term: Term,
    /// The sessions without a worker.
    sessions: Vec<E>,
    /// `true`: the workers end. Each has a receiver as long as it runs.
    stop: watch::Sender<bool>,
}

impl<S: EventStore + Leases, P: Publisher> Shards<S, P> {
    pub(super) fn new(relay: Relay<S, P>) -> Self {
        let name = LoopName::Relay(relay.name.clone());
        Self {
            member: None,
            opened: None,
            retries: Retries::new(name, None, relay.reporter.clone()),
            relay: Arc::new(relay),
            stopping: false,
        }
    }

    /// Returns when this process has the relay. The store is asked first, so that the progress shows that it is unavailable.
    async fn term(&mut self) -> Result<Term, RelayErrorKind> {
        while self.member.is_none() {
            match self.relay.publication().await {
                Ok(_) => {
                    let store = &self.relay.store;
                    let name = &self.relay.name;
                    self.member = Some(RelayMember::join(store, name));
                }
                Err(error) => self.retry(error.into()).await?,
            }
        }
        let Some(member) = &mut self.member else {
            return Err(RelayErrorKind::Panicked("it is no member".to_owned()));
        };
        let term = member.term().await;
        if term.is_err() {
            self.member = None;
        }
        term
    }

    /// Opens the shards as soon as this process has the relay; retries until the broker is available.
    async fn open(&mut self) -> Result<Opened<P::Session>, RelayErrorKind> {
        loop {
            let mut term = self.term().await?;
            let sessions = tokio::select! {
                sessions = self.relay.open() => sessions,
                () = term.ended() => continue,
            };
            match sessions {
                Ok(sessions) => {
                    return Ok(Opened {
                        term,
                        sessions,
                        stop: watch::channel(false).0,
                    });
                }
                Err(error) if error.is_fenced() && !term.still_holds().await => {}
                Err(error) => self.retry(error).await?,
            }
        }
    }

    async fn retry(&mut self, error: RelayErrorKind) -> Result<(), RelayErrorKind> {
        if !error.is_retryable() {
            return Err(error);
        }
        tokio::time::sleep(self.retries.failed(&error)).await;
        Ok(())
    }

    /// A worker for a session that has none.
    fn worker(&mut self) -> Option<Work<RelayErrorKind>> {
        let opened = self.opened.as_mut()?;
        let session = opened.sessions.pop()?;
        let (term, stop) = (opened.term.clone(), opened.stop.subscribe());
        let relay = Arc::clone(&self.relay);
        Some(Box::pin(async move {
            let shard = Shard::new(&relay, session.shard(), term, stop);
            shard.run(session).await
        }))
    }

    /// Ends the workers, and waits for them.
    async fn close(&mut self) {
        if let Some(opened) = &mut self.opened {
            opened.sessions.clear();
            opened.stop.send_replace(true);
            opened.stop.closed().await;
        }
        self.opened = None;
    }
}

#[async_trait]
impl<S: EventStore + Leases, P: Publisher> Workers for Shards<S, P> {
    type Error = RelayErrorKind;

    async fn next(&mut self) -> Result<Option<Work<RelayErrorKind>>, RelayErrorKind> {
        loop {
            if self.stopping {
                self.close().await;
                if let Some(member) = self.member.take() {
                    member.leave().await;
                }
                return Ok(None);
            }
            if let Some(work) = self.worker() {
                return Ok(Some(work));
            }
            match &mut self.opened {
                None => self.opened = Some(self.open().await?),
                Some(opened) => {
                    opened.term.ended().await;
                    self.close().await;
                    let relay = self.relay.name.as_str();
                    tracing::warn!(
                        relay,
                        "another process may have the relay; this one publishes no more until it has it again"
                    );
                }
            }
        }
    }

    fn stop(&mut self) {
        self.stopping = true;
        if let Some(opened) = &self.opened {
            opened.stop.send_replace(true);
        }
    }

    fn panicked(&self, message: String) -> RelayErrorKind {
        RelayErrorKind::Panicked(message)
    }
}
