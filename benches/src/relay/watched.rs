//! A publisher around another one: it counts what was committed and tells when everything is out.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use cqrs_core::{
    RecordedEvent,
    model::Checkpoint,
    ports::{PublishError, Publisher, PublisherSession},
};
use tokio::sync::Notify;

/// How far a relay is.
#[derive(Debug)]
pub(super) struct Watch {
    left: AtomicU64,
    opened: OnceLock<Instant>,
    ended: OnceLock<Instant>,
    complete: Notify,
}

impl Watch {
    /// Of a relay that has so many events to publish.
    pub(super) fn of(events: u64) -> Self {
        Self {
            left: AtomicU64::new(events),
            opened: OnceLock::new(),
            ended: OnceLock::new(),
            complete: Notify::new(),
        }
    }

    /// Resolves when all of them are committed.
    pub(super) async fn complete(&self) {
        self.complete.notified().await;
    }

    /// From open to complete, and from `begun` to open.
    pub(super) fn times(&self, begun: Instant) -> Option<(Duration, Duration)> {
        let (opened, ended) = (self.opened.get()?, self.ended.get()?);
        Some((*ended - *opened, *opened - begun))
    }

    fn committed(&self, events: u64) {
        if self.left.fetch_sub(events, Ordering::Relaxed) == events {
            self.ended.get_or_init(Instant::now);
            self.complete.notify_one();
        }
    }
}

/// The publisher under watch.
#[derive(Debug)]
pub(super) struct Watched<P> {
    inner: P,
    watch: Arc<Watch>,
}

impl<P> Watched<P> {
    pub(super) fn new(inner: P, watch: Arc<Watch>) -> Self {
        Self { inner, watch }
    }

    fn session<S>(&self, inner: S) -> Watched<S> {
        Watched::new(inner, Arc::clone(&self.watch))
    }
}

#[async_trait]
impl<P: Publisher> Publisher for Watched<P> {
    type Session = Watched<P::Session>;

    async fn open(&self, relay: &str, shards: u16) -> Result<Vec<Self::Session>, PublishError> {
        let sessions = self.inner.open(relay, shards).await?;
        self.watch.opened.get_or_init(Instant::now);
        Ok(sessions
            .into_iter()
            .map(|inner| self.session(inner))
            .collect())
    }

    async fn reopen(&self, relay: &str, shard: u16) -> Result<Self::Session, PublishError> {
        Ok(self.session(self.inner.reopen(relay, shard).await?))
    }
}

#[async_trait]
impl<S: PublisherSession> PublisherSession for Watched<S> {
    fn shard(&self) -> u16 {
        self.inner.shard()
    }

    fn published(&self) -> Option<Checkpoint> {
        self.inner.published()
    }

    async fn publish(
        self,
        events: &[RecordedEvent],
        upto: Checkpoint,
    ) -> Result<Self, PublishError> {
        let Self { inner, watch } = self;
        let inner = inner.publish(events, upto).await?;
        watch.committed(u64::try_from(events.len()).unwrap_or(u64::MAX));
        Ok(Self { inner, watch })
    }
}
