//! Handles one partition: claims it, then handles batch after batch.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    Runner,
    attempt::{AttemptError, Attempts, Failing},
    batch_error::{BatchError, Located, TimedOut, locate},
    batch_limit::BatchLimit,
    caught::caught,
    claimed::ClaimedPartition,
    dead_letters::DeadLetterTask,
    error::RunnerErrorKind,
    failed::{Failed, FailsUnlessDone},
    failure::FailurePolicy,
    parked::{Parked, key_of, key_of_unreadable, slice_of},
    tally::Tally,
};
use crate::{
    model::{Claim, FailureKind, Lane, Position, RecordedEvent, Selection, chain},
    ports::{
        Batch, Checkpoints, GivenBack, Inbox, Next, Parking, Reader, SourceError, UnreadableRecord,
        WaitingRecord,
    },
    read::handler::Handler,
    run_loop::{LoopName, ProgressReporter, Retries},
};

/// How often an idle worker checks that nobody else has moved its checkpoint, or asked it to wait.
const IDLE_CHECK: Duration = Duration::from_millis(250);

/// How long a worker redrives between two batches. Meanwhile the events of other keys wait. After a single redrive it would wait for
/// the source each time that nothing is new: a fifth of the streams a second, measured.
const REDRIVE_TURN: Duration = Duration::from_millis(200);

/// After how long without a success a partition is given back, if another process may work on it: with another version of the role,
/// with other rights, or on another network.
const FAILING: Duration = Duration::from_secs(60);

/// What a worker has no more.
enum Ended {
    /// Its partition.
    Partition,
    /// Its claim: somebody has asked it to wait. It claims again, and waits.
    Claim,
}

pub(super) struct Worker<S, H, R> {
    /// Before the reader.
    failed: FailsUnlessDone,
    pub(super) store: S,
    pub(super) handler: Arc<H>,
    pub(super) reader: R,
    pub(super) limit: BatchLimit,
    pub(super) policy: FailurePolicy,
    pub(super) retries: Retries,
    pub(super) tried: Attempts,
    pub(super) parked: Parked,
    pub(super) dead_letters: DeadLetterTask,
    pub(super) reporter: ProgressReporter,
    pub(super) tally: Arc<Tally>,
    /// Whether the metrics say that events are behind the partition.
    pub(super) is_behind: bool,
    /// What the role reads, once it is recorded.
    pub(super) selected: bool,
    pub(super) selection: Selection,
}

impl<S: Checkpoints + Inbox + Parking, H: Handler<S>, R: Reader> Worker<S, H, R> {
    pub(super) fn new<Source>(
        runner: &Runner<S, H, Source>,
        reader: R,
        tally: Arc<Tally>,
        failed: Failed,
    ) -> Self {
        let name = LoopName::Subscription(runner.handler.subscription().to_owned());
        let partition = reader.partition().clone();
        let mut dead_letters = DeadLetterTask::default();
        let publisher = runner.dead_letters.clone();
        dead_letters.start(
            &runner.store,
            runner.handler.subscription(),
            &partition,
            publisher,
        );
        let retries = Retries::new(name, Some(partition), runner.reporter.clone());
        Self {
            failed: FailsUnlessDone::new(failed),
            store: runner.store.clone(),
            handler: Arc::clone(&runner.handler),
            reader,
            limit: BatchLimit::new(runner.sizes),
            policy: runner.policy.clone(),
            retries: retries.waits(runner.policy.retry),
            tried: Attempts::default(),
            parked: Parked::new(runner.sizes),
            dead_letters,
            reporter: runner.reporter.clone(),
            tally,
            is_behind: true,
            selected: false,
            selection: Selection::default(),
        }
    }

    /// Runs until the partition is revoked or a failure cannot be fixed by a retry.
    pub(super) async fn run(mut self) -> Result<(), RunnerErrorKind> {
        let outcome = self.attempts().await;
        let error = outcome.as_ref().err().map(|error| error as _);
        if let Some(error) = error {
            let reason = chain(error).to_string();
            self.reader.given_back(GivenBack::Stopped(reason));
        }
        self.reporter.ended(Some(self.reader.partition()), error);
        if outcome.is_ok() {
            // What is parked here is another worker's now.
            self.report_nothing_parked();
            self.failed.done();
        }
        outcome
    }

    async fn attempts(&mut self) -> Result<(), RunnerErrorKind> {
        while !self.reader.revoked() {
            if self.retries.failing() >= FAILING && self.reader.has_others() {
                self.reader.given_back(GivenBack::Failing);
                return Ok(());
            }
            let outcome = match self.work().await {
                Ok(Ended::Partition) => return Ok(()),
                Ok(Ended::Claim) => continue,
                Err(AttemptError::Failing(failing)) => self.resolve(*failing).await,
                Err(error) => Err(error),
            };
            match outcome {
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
                // Not resolved: the next attempt comes to the event again.
                Err(AttemptError::Failing(failing)) => {
                    self.retries.failed(&*failing.reason);
                }
            }
        }
        Ok(())
    }

    /// Handles batches until the partition is not this worker's any more, or is paused.
    async fn work(&mut self) -> Result<Ended, AttemptError> {
        let Some(mut claimed) = self.claim_to_run().await? else {
            return Ok(Ended::Partition);
        };
        self.read_parked().await?;
        self.select(&claimed.claim).await?;
        self.reader.start(&claimed.claim).await?;
        self.reporter
            .started(self.reader.partition(), claimed.claim.at);
        let mut checked = Instant::now();
        while !self.reader.revoked() {
            self.redrive_for_a_turn(&mut claimed).await?;
            match self.reader.next(self.limit.get()).await? {
                Next::Batch(batch) => self.handle(&mut claimed, batch).await?,
                Next::Idle => {
                    self.report_caught_up();
                    if checked.elapsed() >= IDLE_CHECK {
                        if self.is_paused(&claimed).await? {
                            return Ok(Ended::Claim);
                        }
                        checked = Instant::now();
                    }
                }
                Next::Revoked => return Ok(Ended::Partition),
            }
        }
        Ok(Ended::Partition)
    }

    /// Works on what is requested, but not so long that new events wait.
    async fn redrive_for_a_turn(
        &mut self,
        claimed: &mut ClaimedPartition,
    ) -> Result<(), AttemptError> {
        let begun = Instant::now();
        while self.parked.is_due() {
            self.redrive(claimed).await?;
            if begun.elapsed() >= REDRIVE_TURN {
                break;
            }
        }
        Ok(())
    }

    async fn handle(
        &mut self,
        claimed: &mut ClaimedPartition,
        mut batch: Batch,
    ) -> Result<(), AttemptError> {
        let unreadable = self
            .parked
            .cut_before_unreadable::<S>(&*self.handler, &mut batch);
        let is_empty = batch.events.is_empty() && batch.unreadable.is_empty();
        if !is_empty || unreadable.is_none() {
            self.handle_events(claimed, batch).await?;
        }
        match unreadable {
            None => Ok(()),
            Some(unreadable) => Err(self.unreadable(&claimed.claim, unreadable)),
        }
    }

    /// Handles a batch in which every record that is no event has a parked key.
    async fn handle_events(
        &mut self,
        claimed: &mut ClaimedPartition,
        mut batch: Batch,
    ) -> Result<(), AttemptError> {
        let full = batch.events.len() + batch.unreadable.len() >= self.limit.get();
        self.report_behind(&batch.events);
        let slice_of = |event: &RecordedEvent| slice_of::<S>(&*self.handler, event);
        let received = claimed.receive(&mut batch, slice_of, &self.selection);
        let held = self.parked.hold_back::<S>(&*self.handler, &mut batch);
        let held = held.map_err(|error| AttemptError::from(SourceError::Fatal(error)))?;
        let outcome = self.commit(&claimed.claim, &batch, &received.highest, &held.records);
        if let Err(error) = outcome.await {
            let before_first = received.repeats_first + held.before_first;
            return Err(self.failed_at(&claimed.claim, &batch, before_first, error));
        }
        let partition = self.reader.partition();
        self.tally.passed_over(partition, &batch.events);
        self.tally.repeated(partition, &received.repeats);
        claimed.received.extend(received.highest);
        claimed.claim.advance(batch.next);
        self.retries.succeeded();
        if std::mem::take(&mut self.parked.failing) {
            self.keep_records();
        }
        self.report_handled(claimed.claim.at, batch.events.len());
        if full {
            self.limit.double();
        }
        Ok(())
    }

    /// Commits checkpoint, inbox and effects in one transaction.
    async fn commit(
        &self,
        claim: &Claim,
        batch: &Batch,
        received: &[(Lane, Position)],
        waiting: &[WaitingRecord],
    ) -> Result<(), BatchError> {
        let mut transaction = self.store.begin().await?;
        let applied = self.apply(&mut transaction, claim, batch, received, waiting);
        match applied.await {
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
        claim: &Claim,
        batch: &Batch,
        received: &[(Lane, Position)],
        waiting: &[WaitingRecord],
    ) -> Result<(), BatchError> {
        let subscription = self.handler.subscription();
        let partition = self.reader.partition();
        let Claim { epoch, at, .. } = *claim;
        self.store
            .advance_in(transaction, subscription, partition, epoch, at, batch.next)
            .await?;
        if !received.is_empty() {
            self.store
                .receive_in(transaction, subscription, partition, received)
                .await?;
        }
        if !waiting.is_empty() {
            self.store
                .wait_in(transaction, subscription, waiting)
                .await?;
        }
        if !batch.events.is_empty() {
            self.call(transaction, &batch.events).await?;
        }
        Ok(())
    }

    /// Has the role handle events, within a time. Its panic is an error.
    pub(super) async fn call(
        &self,
        transaction: &mut S::Transaction,
        events: &[RecordedEvent],
    ) -> Result<(), BatchError> {
        let handled = self.handler.handle(&self.store, transaction, events);
        let limit = self.policy.batch_time;
        match tokio::time::timeout(limit, caught(handled)).await {
            Ok(handled) => Ok(handled??),
            Err(_) => Err(TimedOut { limit }.into()),
        }
    }

    /// What to do after a batch that failed.
    fn failed_at(
        &mut self,
        claim: &Claim,
        batch: &Batch,
        before_first: usize,
        error: BatchError,
    ) -> AttemptError {
        match locate(&mut self.limit, &batch.events, before_first, error) {
            Located::Smaller(error) => AttemptError::Smaller(error),
            Located::Newer(error) => AttemptError::NewerEvent(error),
            Located::Elsewhere(error) => error,
            Located::First(kind, reason) => match batch.events.first() {
                Some(event) => AttemptError::Failing(Box::new(Failing {
                    claim: claim.clone(),
                    key: key_of::<S>(&*self.handler, event),
                    record: batch.record_of(event).cloned(),
                    event: event.clone(),
                    is_event: true,
                    kind,
                    reason,
                })),
                None => AttemptError::Retry(reason),
            },
        }
    }

    /// What to do at a record that is no event: everything before it is handled.
    fn unreadable(&self, claim: &Claim, unreadable: UnreadableRecord) -> AttemptError {
        match self.reader.decode(&unreadable.record) {
            Ok(_) => AttemptError::Retry("the source can decode a record that it could not".into()),
            Err(reason) => AttemptError::Failing(Box::new(Failing {
                claim: claim.clone(),
                key: key_of_unreadable::<S>(&*self.handler, &unreadable),
                event: unreadable.stand_in(),
                is_event: false,
                record: Some(unreadable.record),
                kind: FailureKind::Undecodable,
                reason,
            })),
        }
    }

    pub(super) async fn back_off(&mut self, wait: Duration) {
        self.limit.start_over();
        self.reader.back_off(wait).await;
    }
}
