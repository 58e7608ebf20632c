//! Handles one partition: claims it, then handles batch after batch.

use std::{error::Error, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    attempt::AttemptError,
    batch_limit::{BatchLimit, BatchSizes},
    caught::{Panicked, caught},
    claimed::ClaimedPartition,
    error::RunnerErrorKind,
    failed::{Failed, FailsUnlessDone},
    tally::Tally,
};
use crate::{
    model::{Claim, EventId, Lane, Position},
    ports::{
        Batch, BoxError, Checkpoints, CommitError, Inbox, Next, Reader, StoreError, StoreErrorKind,
    },
    read::handler::Handler,
    roles::HandlerError,
    run_loop::{LoopName, ProgressReporter, Retries},
};

/// How often an idle worker checks that nobody else has moved its checkpoint.
const IDLE_CHECK: Duration = Duration::from_millis(250);

pub(super) struct Worker<S, H, R> {
    /// Before the reader.
    failed: FailsUnlessDone,
    pub(super) store: S,
    pub(super) handler: Arc<H>,
    pub(super) reader: R,
    pub(super) limit: BatchLimit,
    pub(super) retries: Retries,
    pub(super) reporter: ProgressReporter,
    pub(super) tally: Arc<Tally>,
    /// What the role reads is recorded.
    pub(super) selected: bool,
}

impl<S: Checkpoints + Inbox, H: Handler<S>, R: Reader> Worker<S, H, R> {
    pub(super) fn new(
        store: S,
        handler: Arc<H>,
        reader: R,
        sizes: BatchSizes,
        reporter: ProgressReporter,
        tally: Arc<Tally>,
        failed: Failed,
    ) -> Self {
        let name = LoopName::Subscription(handler.subscription().to_owned());
        let partition = reader.partition().clone();
        let retries = Retries::new(name, Some(partition), reporter.clone());
        Self {
            failed: FailsUnlessDone::new(failed),
            store,
            handler,
            reader,
            limit: BatchLimit::new(sizes),
            retries,
            reporter,
            tally,
            selected: false,
        }
    }

    /// Runs until the partition is revoked or a failure cannot be fixed by a retry.
    pub(super) async fn run(mut self) -> Result<(), RunnerErrorKind> {
        let outcome = self.attempts().await;
        let error = outcome.as_ref().err().map(|error| error as _);
        self.reporter.ended(Some(self.reader.partition()), error);
        if outcome.is_ok() {
            self.failed.done();
        }
        outcome
    }

    async fn attempts(&mut self) -> Result<(), RunnerErrorKind> {
        while !self.reader.revoked() {
            match self.work().await {
                Ok(()) => {}
                Err(AttemptError::Stop(error)) => return Err(error),
                Err(AttemptError::Smaller(error)) => {
                    self.retries.failed(&*error);
                }
                Err(AttemptError::NewerEvent(error)) => self.wait_for_newer_code(&error).await,
                Err(AttemptError::Retry(error)) => {
                    let wait = self.retries.failed(&*error);
                    self.back_off(wait).await;
                }
            }
        }
        Ok(())
    }

    async fn work(&mut self) -> Result<(), AttemptError> {
        let mut claimed = self.claim().await?;
        self.select(claimed.claim).await?;
        self.reader.start(claimed.claim.at).await?;
        self.reporter
            .started(self.reader.partition(), claimed.claim.at);
        let mut checked = Instant::now();
        loop {
            match self.reader.next(self.limit.get()).await? {
                Next::Batch(batch) => self.handle(&mut claimed, batch).await?,
                Next::Idle => {
                    self.reporter.caught_up(self.reader.partition());
                    if checked.elapsed() >= IDLE_CHECK {
                        self.check(&claimed).await?;
                        checked = Instant::now();
                    }
                }
                Next::Revoked => return Ok(()),
            }
        }
    }

    async fn claim(&self) -> Result<ClaimedPartition, AttemptError> {
        let subscription = self.handler.subscription();
        let partition = self.reader.partition();
        let claim = self.store.claim(subscription, partition).await?;
        let received = self.store.received(subscription, partition).await?;
        Ok(ClaimedPartition {
            claim,
            received: received.into_iter().collect(),
        })
    }

    /// Checks that the stored checkpoint is the one that this worker wrote. Only a write detects a fence, so without this
    /// check an idle partition would miss a reset.
    async fn check(&self, claimed: &ClaimedPartition) -> Result<(), AttemptError> {
        let subscription = self.handler.subscription();
        let partition = self.reader.partition();
        let found = self.store.checkpoint(subscription, partition).await?;
        if found == claimed.claim.at {
            Ok(())
        } else {
            let moved = "the checkpoint was moved by another runner or a reset";
            Err(AttemptError::Retry(moved.into()))
        }
    }

    async fn handle(
        &mut self,
        claimed: &mut ClaimedPartition,
        mut batch: Batch,
    ) -> Result<(), AttemptError> {
        let full = batch.events.len() >= self.limit.get();
        let received = claimed.receive(&mut batch);
        let outcome = self.commit(claimed.claim, &batch, &received.highest);
        if let Err(error) = outcome.await {
            return Err(self.failed(&batch, received.repeats_first, error));
        }
        let partition = self.reader.partition();
        self.tally.passed_over(partition, &batch.events);
        self.tally.repeated(partition, &received.repeats);
        claimed.received.extend(received.highest);
        claimed.claim.at = Some(batch.next);
        self.retries.succeeded();
        self.reporter
            .reading(self.reader.partition(), claimed.claim.at);
        if full {
            self.limit.double();
        }
        Ok(())
    }

    /// Commits checkpoint, inbox and effects in one transaction.
    async fn commit(
        &self,
        claim: Claim,
        batch: &Batch,
        received: &[(Lane, Position)],
    ) -> Result<(), BatchError> {
        let mut transaction = self.store.begin().await?;
        match self.apply(&mut transaction, claim, batch, received).await {
            Ok(()) => Ok(self.store.commit(transaction).await?),
            Err(error) => {
                // Report the first error. If the rollback fails too, the transaction ends with its session.
                let _ = self.store.rollback(transaction).await;
                Err(error)
            }
        }
    }

    async fn apply(
        &self,
        transaction: &mut S::Transaction,
        claim: Claim,
        batch: &Batch,
        received: &[(Lane, Position)],
    ) -> Result<(), BatchError> {
        let subscription = self.handler.subscription();
        let partition = self.reader.partition();
        let Claim { epoch, at } = claim;
        self.store
            .advance_in(transaction, subscription, partition, epoch, at, batch.next)
            .await?;
        if !received.is_empty() {
            self.store
                .receive_in(transaction, subscription, partition, received)
                .await?;
        }
        if !batch.events.is_empty() {
            let handled = self.handler.handle(&self.store, transaction, &batch.events);
            caught(handled).await.map_err(BatchError::Panicked)??;
        }
        Ok(())
    }

    /// What to do after a batch that failed. The inbox has removed the first `repeats` of it.
    fn failed(&mut self, batch: &Batch, repeats: usize, error: BatchError) -> AttemptError {
        match error {
            BatchError::Poison(event, reason) => self.poison(batch, repeats, event, reason),
            BatchError::NewerEvent(event, error) => self.newer(batch, repeats, event, error),
            BatchError::Panicked(panic) => self.narrow(batch, repeats, panic),
            BatchError::Write(CommitError::Store(error)) => match error.kind() {
                StoreErrorKind::Schema | StoreErrorKind::Misconfigured => error.into(),
                StoreErrorKind::NewerEvent => self.some_newer(batch, repeats, error),
                StoreErrorKind::Unavailable | StoreErrorKind::OutcomeUnknown => {
                    self.limit.halve(batch.events.len());
                    error.into()
                }
                _ if batch.events.is_empty() => error.into(),
                _ => self.narrow(batch, repeats, error),
            },
            BatchError::Write(error) => error.into(),
        }
    }

    /// Halves a batch that cannot be handled, until one event is left: that one cannot be handled.
    fn narrow(
        &mut self,
        batch: &Batch,
        repeats: usize,
        error: impl Error + Send + Sync + 'static,
    ) -> AttemptError {
        if self.limit.halve(batch.events.len()) {
            return AttemptError::Smaller(error.into());
        }
        if repeats > 0 {
            return self.cut(repeats, error.into());
        }
        let event = batch.events.first().map(ToString::to_string);
        AttemptError::Stop(self.stopped_at(event.unwrap_or_default(), error))
    }

    /// Commits the events before the poison event first, then stops at it.
    fn poison(
        &mut self,
        batch: &Batch,
        repeats: usize,
        event: EventId,
        reason: BoxError,
    ) -> AttemptError {
        let before = before(batch, event) + repeats;
        if before > 0 {
            return self.cut(before, reason);
        }
        let first = batch.events.first();
        let event = first.map_or_else(|| event.to_string(), ToString::to_string);
        AttemptError::Stop(self.stopped_at(event, reason))
    }

    /// The next batch ends before the event that cannot be handled. So the checkpoint is right before it when the worker stops.
    pub(super) fn cut(&mut self, before: usize, reason: BoxError) -> AttemptError {
        self.limit.cut(before);
        AttemptError::Smaller(CutBefore { before, reason }.into())
    }

    fn stopped_at(&self, event: String, reason: impl Into<BoxError>) -> RunnerErrorKind {
        RunnerErrorKind::Poison {
            partition: self.reader.partition().clone(),
            event,
            reason: reason.into(),
        }
    }

    pub(super) async fn back_off(&mut self, wait: Duration) {
        self.limit.start_over();
        self.reader.back_off(wait).await;
    }
}

/// The number of events before this one in the batch.
pub(super) fn before(batch: &Batch, event: EventId) -> usize {
    let mut events = batch.events.iter();
    let before = events.position(|recorded| recorded.id == event);
    before.unwrap_or_default()
}

/// A batch that was not committed.
enum BatchError {
    Write(CommitError),
    Poison(EventId, BoxError),
    NewerEvent(EventId, StoreError),
    Panicked(Panicked),
}

impl From<HandlerError> for BatchError {
    fn from(error: HandlerError) -> Self {
        match error {
            HandlerError::Write(error) => Self::Write(error),
            HandlerError::Poison { event, reason } => Self::Poison(event, reason),
            HandlerError::NewerEvent { event, error } => Self::NewerEvent(event, error),
        }
    }
}

impl<E: Into<CommitError>> From<E> for BatchError {
    fn from(error: E) -> Self {
        Self::Write(error.into())
    }
}

/// An event of the batch cannot be handled.
#[derive(Debug, thiserror::Error)]
#[error("an event cannot be handled; the {before} events before it are committed first")]
struct CutBefore {
    before: usize,
    #[source]
    reason: BoxError,
}
