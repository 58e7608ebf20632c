//! One shard of a relay: reads and publishes; after an unknown outcome it opens a new session and reads again.

use std::time::Duration;

use tokio::sync::watch;

use super::{Relay, error::RelayErrorKind};
use crate::{
    model::{Checkpoint, PartitionId, Position, Slices},
    ports::{
        EventStore, LogPage, LogQuery, PublishError, Publisher, PublisherSession, StoreError,
        check_page,
    },
    run_loop::{LoopName, PageLimit, Retries},
};

/// The wait of a shard without new events before it polls again. A writer in this process wakes it at once.
const IDLE: Duration = Duration::from_millis(50);

/// A running shard. It reads the log itself; after an unknown outcome it reads again after the last published event.
pub(super) struct Shard<'a, S, P> {
    relay: &'a Relay<S, P>,
    number: u16,
    slices: Slices,
    /// The shard as a partition, for the progress.
    partition: PartitionId,
    /// The limit for the next batch. It is halved after a failed transaction and doubled after a successful one.
    limit: usize,
    page_limit: PageLimit,
    retries: Retries,
    stopping: watch::Receiver<bool>,
}

impl<'a, S: EventStore, P: Publisher> Shard<'a, S, P> {
    pub(super) fn new(
        relay: &'a Relay<S, P>,
        number: u16,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let slices = Slices::part(number, relay.shards);
        let partition = PartitionId::Log(slices);
        let name = LoopName::Relay(relay.name.clone());
        let retries = Retries::new(name, Some(partition.clone()), relay.reporter.clone());
        Self {
            relay,
            number,
            slices,
            partition,
            limit: relay.batch_size,
            page_limit: PageLimit::default(),
            retries,
            stopping,
        }
    }

    pub(super) async fn run(mut self, session: P::Session) -> Result<(), RelayErrorKind> {
        let outcome = self.sessions(session).await;
        let error = outcome.as_ref().err().map(|error| error as _);
        self.relay.reporter.ended(Some(&self.partition), error);
        outcome
    }

    /// Runs one session after the other.
    async fn sessions(&mut self, session: P::Session) -> Result<(), RelayErrorKind> {
        let mut session = Some(session);
        while !*self.stopping.borrow() {
            session = match session {
                Some(session) => self.publish_on(session).await?,
                None => self.reopen().await?,
            };
        }
        Ok(())
    }

    /// Publishes until the relay stops or the session ends.
    async fn publish_on(
        &mut self,
        mut session: P::Session,
    ) -> Result<Option<P::Session>, RelayErrorKind> {
        let mut after = session.published();
        self.relay.reporter.started(&self.partition, after);
        let mut next_page = None;
        while !*self.stopping.borrow() {
            let read = match next_page.take() {
                Some(page) => Some(Ok(page)),
                None => self.read(after).await,
            };
            let page = match read {
                Some(Ok(page)) => page,
                Some(Err(error)) => return self.read_failed(error, session).await,
                None => break,
            };
            check_page(&page, after)?;
            self.page_limit.note(&page);
            let Some(upto) = page.upto else {
                self.relay.reporter.caught_up(&self.partition);
                self.idle().await;
                continue;
            };
            after = Some(upto);
            if page.events.is_empty() {
                continue;
            }
            // Reads the next page while this one is published.
            let (published, next) =
                tokio::join!(session.publish(&page.events, upto), self.read(after));
            session = match published {
                Ok(session) => session,
                // One of several events is rejected: smaller batches publish the events before it.
                Err(PublishError::Rejected { .. }) if page.events.len() > 1 => {
                    self.limit = page.events.len() / 2;
                    return Ok(None);
                }
                Err(error) => return self.publish_failed(error).await.map(|()| None),
            };
            self.retries.succeeded();
            self.relay.reporter.reading(&self.partition, Some(upto));
            self.limit = (self.limit * 2).min(self.relay.batch_size);
            match next {
                Some(Ok(page)) => next_page = page.upto.is_some().then_some(page),
                Some(Err(error)) => return self.read_failed(error, session).await,
                None => break,
            }
        }
        Ok(Some(session))
    }

    /// The next page; `None` if the relay is stopped meanwhile.
    async fn read(&self, after: Option<Checkpoint>) -> Option<Result<LogPage, StoreError>> {
        let after = Position::new(after.map_or(0, |checkpoint| checkpoint.offset.get()));
        let limit = self.page_limit.limit(self.limit);
        let query = LogQuery::new(after, limit).slices(self.slices);
        let mut stopping = self.stopping.clone();
        tokio::select! {
            biased;
            page = self.relay.store.read_log(query) => Some(page),
            _ = stopping.wait_for(|stop| *stop) => None,
        }
    }

    /// Keeps the session, but verifies the log again: the store may come back with another log.
    async fn read_failed(
        &mut self,
        error: StoreError,
        session: P::Session,
    ) -> Result<Option<P::Session>, RelayErrorKind> {
        self.store_failed(error).await?;
        Ok(Some(session))
    }

    async fn reopen(&mut self) -> Result<Option<P::Session>, RelayErrorKind> {
        let publication = match self.relay.publication().await {
            Ok(publication) => publication,
            Err(error) => return self.store_failed(error).await.map(|()| None),
        };
        let reopened = self.relay.publisher.reopen(&publication, self.number);
        match reopened.await {
            Ok(session) => Ok(Some(session)),
            Err(error) => self.publish_failed(error).await.map(|()| None),
        }
    }

    async fn publish_failed(&mut self, error: PublishError) -> Result<(), RelayErrorKind> {
        if !error.is_retryable() {
            return Err(error.into());
        }
        self.limit = (self.limit / 2).max(1);
        let wait = self.retries.failed(&error);
        self.back_off(wait).await;
        Ok(())
    }

    async fn store_failed(&mut self, error: StoreError) -> Result<(), RelayErrorKind> {
        if !error.is_retryable() {
            return Err(error.into());
        }
        // A statement that is too slow may pass with fewer events.
        self.limit = (self.limit / 2).max(1);
        let wait = self.retries.failed(&error);
        self.back_off(wait).await;
        Ok(())
    }

    async fn back_off(&mut self, wait: Duration) {
        // Ends after the wait or at a stop; the caller checks `stopping`.
        let _ = tokio::time::timeout(wait, self.stopping.wait_for(|stop| *stop)).await;
    }

    async fn idle(&mut self) {
        tokio::select! {
            () = self.relay.store.wait_for_append(IDLE) => {}
            _ = self.stopping.wait_for(|stop| *stop) => {}
        }
    }
}
