//! One shard of a relay: reads and publishes; after an unknown outcome it opens a new session and reads again.

use std::{error::Error, time::Duration};

use tokio::sync::watch;

use super::{Relay, error::RelayErrorKind, member::Term};
use crate::{
    model::{Checkpoint, PartitionId, Position, RecordedEvent, Slices},
    ports::{
        EventStore, LogPage, LogQuery, PublishError, Publisher, PublisherSession, StoreError,
        check_page,
    },
    run_loop::{
        LoopName, PageLimit, Retries,
        batch_limit::{BatchLimit, BatchSizes},
    },
};

/// The wait of a shard without new events before it polls again. A writer in this process wakes it at once.
const IDLE: Duration = Duration::from_millis(50);

/// A running shard. It reads the log itself; after an unknown outcome it reads again after the last published event.
pub(super) struct Shard<'a, S, P> {
    pub(super) relay: &'a Relay<S, P>,
    pub(super) number: u16,
    slices: Slices,
    /// The shard as a partition, for the progress.
    pub(super) partition: PartitionId,
    /// The limit for the next batch.
    limit: BatchLimit,
    page_limit: PageLimit,
    retries: Retries,
    /// Whether the metrics say that events are behind the shard.
    pub(super) is_behind: bool,
    /// For how long this process has the relay.
    term: Term,
    stopping: watch::Receiver<bool>,
}

/// A batch of one event failed.
#[derive(Debug, thiserror::Error)]
#[error("{event} fails alone")]
struct OneEvent<E: Error + 'static> {
    event: String,
    #[source]
    error: E,
}

impl<'a, S: EventStore, P: Publisher> Shard<'a, S, P> {
    pub(super) fn new(
        relay: &'a Relay<S, P>,
        number: u16,
        term: Term,
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
            limit: BatchLimit::new(BatchSizes::up_to(relay.batch_size)),
            page_limit: PageLimit::default(),
            retries,
            is_behind: true,
            term,
            stopping,
        }
    }

    pub(super) async fn run(mut self, session: P::Session) -> Result<(), RelayErrorKind> {
        let mut outcome = self.sessions(session).await;
        let is_overtaken = outcome.as_ref().is_err_and(RelayErrorKind::is_fenced);
        if is_overtaken && !self.term.still_holds().await {
            outcome = Ok(());
        }
        let error = outcome.as_ref().err().map(|error| error as _);
        self.relay.reporter.ended(Some(&self.partition), error);
        outcome
    }

    /// Runs one session after the other.
    async fn sessions(&mut self, session: P::Session) -> Result<(), RelayErrorKind> {
        let mut session = Some(session);
        while self.continues() {
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
        while self.continues() {
            let read = match next_page.take() {
                Some(page) => Some(Ok(page)),
                None => self.read(after).await,
            };
            let page = match read {
                Some(Ok(page)) => page,
                Some(Err(error)) => return self.read_failed(error, after, session).await,
                None => break,
            };
            check_page(&page, after)?;
            self.page_limit.note(&page);
            let Some(upto) = page.upto else {
                self.report_caught_up();
                self.idle().await;
                continue;
            };
            after = Some(upto);
            if page.events.is_empty() {
                continue;
            }
            // The read may have taken longer than the lease.
            if !self.continues() {
                break;
            }
            self.report_behind(&page.events);
            // Reads the next page while this one is published.
            let (published, next) =
                tokio::join!(session.publish(&page.events, upto), self.read(after));
            session = match published {
                Ok(session) => session,
                Err(error) => {
                    let failed = self.publish_failed(&page.events, error).await;
                    return failed.map(|()| None);
                }
            };
            self.retries.succeeded();
            self.report_published(upto, page.events.len());
            self.limit.double();
            match next {
                Some(Ok(page)) => next_page = page.upto.is_some().then_some(page),
                Some(Err(error)) => return self.read_failed(error, after, session).await,
                None => break,
            }
        }
        Ok(Some(session))
    }

    /// Whether this process has the relay, and is not stopped.
    fn continues(&self) -> bool {
        !*self.stopping.borrow() && self.term.holds()
    }

    /// The next page; `None` if the relay is stopped meanwhile.
    async fn read(&self, after: Option<Checkpoint>) -> Option<Result<LogPage, StoreError>> {
        let after = Position::new(after.map_or(0, |checkpoint| checkpoint.offset.get()));
        let limit = self.page_limit.limit(self.limit.get());
        let query = LogQuery::new(after, limit).slices(self.slices);
        let mut stopping = self.stopping.clone();
        tokio::select! {
            biased;
            page = self.relay.store.read_log(query) => Some(page),
            _ = stopping.wait_for(|stop| *stop) => None,
        }
    }

    /// Keeps the session, but verifies the log again: the store may come back with another log.
    ///
    /// A statement that is too slow may pass with fewer events.
    async fn read_failed(
        &mut self,
        error: StoreError,
        after: Option<Checkpoint>,
        session: P::Session,
    ) -> Result<Option<P::Session>, RelayErrorKind> {
        if !error.is_retryable() {
            return Err(error.into());
        }
        if self.limit.halve(self.limit.get()) {
            self.wait_after(error).await;
        } else {
            let after = after.map_or(0, |checkpoint| checkpoint.offset.get());
            let event = format!("the event after position {after}");
            self.wait_after(OneEvent { event, error }).await;
        }
        Ok(Some(session))
    }

    async fn reopen(&mut self) -> Result<Option<P::Session>, RelayErrorKind> {
        let publication = match self.relay.publication().await {
            Ok(publication) => publication,
            Err(error) => return self.opening_failed(error).await,
        };
        // It would fence the process that has the relay.
        if !self.continues() {
            return Ok(None);
        }
        let reopened = self.relay.publisher.reopen(&publication, self.number);
        match reopened.await {
            Ok(session) => Ok(Some(session)),
            Err(error) => self.opening_failed(error).await,
        }
    }

    async fn opening_failed(
        &mut self,
        error: impl Into<RelayErrorKind>,
    ) -> Result<Option<P::Session>, RelayErrorKind> {
        let error = error.into();
        if !error.is_retryable() {
            return Err(error);
        }
        self.wait_after(error).await;
        Ok(None)
    }

    async fn publish_failed(
        &mut self,
        events: &[RecordedEvent],
        error: PublishError,
    ) -> Result<(), RelayErrorKind> {
        let smaller = self.limit.halve(events.len());
        match error {
            // One of several events is rejected: smaller batches publish the events before it.
            PublishError::Rejected { .. } if smaller => {}
            error if !error.is_retryable() => return Err(error.into()),
            error if smaller => self.wait_after(error).await,
            error => {
                let event = events.first().map(ToString::to_string).unwrap_or_default();
                self.wait_after(OneEvent { event, error }).await;
            }
        }
        Ok(())
    }

    async fn wait_after<E: Error + Send + Sync + 'static>(&mut self, error: E) {
        let wait = self.retries.failed(&error);
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
