//! A publisher that counts the events that another publisher commits, and reports when all are committed.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use cqrs_core::{
    RecordedEvent,
    model::Checkpoint,
    ports::{Publication, PublishError, PublishedShard, Publisher, PublisherSession},
};
use tokio::sync::Notify;

/// The progress of a relay.
#[derive(Debug)]
pub(super) struct RelayWatch {
    left: AtomicU64,
    opened: OnceLock<Instant>,
    ended: OnceLock<Instant>,
    complete: Notify,
}

impl RelayWatch {
    /// Watches a relay that has this many events to publish.
    pub(super) fn of(events: u64) -> Self {
        Self {
            left: AtomicU64::new(events),
            opened: OnceLock::new(),
            ended: OnceLock::new(),
            complete: Notify::new(),
        }
    }

    /// Resolves when all events are committed.
    pub(super) async fn complete(&self) {
        self.complete.notified().await;
    }

    /// The times of a relay that started at `started`; `None` if it has not published everything.
    pub(super) fn times(&self, started: Instant) -> Option<RelayTimes> {
        let opened = *self.opened.get()?;
        let ended = *self.ended.get()?;
        Some(RelayTimes {
            opening: opened - started,
            publishing: ended - opened,
        })
    }

    fn committed(&self, events: u64) {
        if self.left.fetch_sub(events, Ordering::Relaxed) == events {
            self.ended.get_or_init(Instant::now);
            self.complete.notify_one();
        }
    }
}

/// How long a relay took.
#[derive(Debug, Clone, Copy)]
pub(super) struct RelayTimes {
    /// From the start to the open sessions.
    pub(super) opening: Duration,
    /// From the open sessions to the last commit.
    pub(super) publishing: Duration,
}

/// A publisher or session that is watched.
#[derive(Debug)]
pub(super) struct WatchedPublisher<P> {
    inner: P,
    watch: Arc<RelayWatch>,
}

impl<P> WatchedPublisher<P> {
    pub(super) fn new(inner: P, watch: Arc<RelayWatch>) -> Self {
        Self { inner, watch }
    }

    fn session<S>(&self, inner: S) -> WatchedPublisher<S> {
        WatchedPublisher::new(inner, Arc::clone(&self.watch))
    }
}

impl<P: Publisher> Publisher for WatchedPublisher<P> {
    type Session = WatchedPublisher<P::Session>;

    async fn open(&self, publication: &Publication) -> Result<Vec<Self::Session>, PublishError> {
        let sessions = self.inner.open(publication).await?;
        self.watch.opened.get_or_init(Instant::now);
        Ok(sessions
            .into_iter()
            .map(|inner| self.session(inner))
            .collect())
    }

    async fn reopen(
        &self,
        publication: &Publication,
        shard: u16,
    ) -> Result<Self::Session, PublishError> {
        Ok(self.session(self.inner.reopen(publication, shard).await?))
    }

    async fn published(
        &self,
        publication: &Publication,
        depth: u64,
    ) -> Result<Vec<PublishedShard>, PublishError> {
        self.inner.published(publication, depth).await
    }

    async fn restart(
        &self,
        publication: &Publication,
        published: &[Option<Checkpoint>],
    ) -> Result<(), PublishError> {
        self.inner.restart(publication, published).await
    }
}

impl<S: PublisherSession> PublisherSession for WatchedPublisher<S> {
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
