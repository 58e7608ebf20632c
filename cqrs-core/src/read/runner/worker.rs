//! Handles one partition: claims it, then handles batch after batch.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{attempt::AttemptError, error::RunnerErrorKind};
use crate::{
    model::{Claim, EventId, Lane, Position},
    ports::{Batch, BoxError, Checkpoints, Inbox, Next, ProgressReporter, Reader},
    read::handler::Handler,
    roles::HandlerError,
    run_loop::{LoopName, Retries},
};

/// How often an idle worker checks that nobody else has moved its checkpoint.
const IDLE_CHECK: Duration = Duration::from_millis(250);

/// Limits for the number of events in a batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchSizes {
    /// For the first batch, and the first one after a failure.
    pub(super) first: usize,
    /// For all batches.
    pub(super) largest: usize,
}

pub(super) struct Worker<S, H, R> {
    store: S,
    handler: Arc<H>,
    reader: R,
    sizes: BatchSizes,
    /// The limit for the next batch. It doubles while batches are full, falls back after a failure, and ends a batch before
    /// a poison event.
    limit: usize,
    retries: Retries,
    reporter: ProgressReporter,
}

/// A claimed partition. It is valid until a transaction fails; then the worker claims again.
struct ClaimedPartition {
    claim: Claim,
    /// The highest position received from each lane.
    received: HashMap<Lane, Position>,
}

impl<S: Checkpoints + Inbox, H: Handler<S>, R: Reader> Worker<S, H, R> {
    pub(super) fn new(
        store: S,
        handler: Arc<H>,
        reader: R,
        sizes: BatchSizes,
        reporter: ProgressReporter,
    ) -> Self {
        let name = LoopName::Subscription(handler.subscription().to_owned());
        let partition = reader.partition().clone();
        let retries = Retries::new(name, Some(partition), reporter.clone());
        Self {
            store,
            handler,
            reader,
            sizes,
            limit: sizes.first,
            retries,
            reporter,
        }
    }

    /// Runs until the partition is revoked or a failure cannot be fixed by a retry.
    pub(super) async fn run(mut self) -> Result<(), RunnerErrorKind> {
        let outcome = self.attempts().await;
        let error = outcome.as_ref().err().map(|error| error as _);
        self.reporter.ended(Some(self.reader.partition()), error);
        outcome
    }

    async fn attempts(&mut self) -> Result<(), RunnerErrorKind> {
        while !self.reader.revoked() {
            match self.work().await {
                Ok(()) => {}
                Err(AttemptError::Stop(error)) => return Err(error),
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
        self.reader.start(claimed.claim.at).await?;
        self.reporter
            .started(self.reader.partition(), claimed.claim.at);
        let mut checked = Instant::now();
        loop {
            match self.reader.next(self.limit).await? {
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
        let full = batch.events.len() >= self.limit;
        let received = claimed.receive(&mut batch);
        match self.commit(claimed.claim, &batch, &received).await {
            Ok(()) => {}
            Err(HandlerError::Write(error)) => return Err(error.into()),
            Err(HandlerError::Poison { event, reason }) => {
                return Err(self.poison(&batch, event, reason));
            }
        }
        claimed.received.extend(received);
        claimed.claim.at = Some(batch.next);
        self.retries.succeeded();
        self.reporter
            .reading(self.reader.partition(), claimed.claim.at);
        if full {
            self.limit = (self.limit * 2).min(self.sizes.largest);
        }
        Ok(())
    }

    /// Commits checkpoint, inbox and effects in one transaction.
    async fn commit(
        &self,
        claim: Claim,
        batch: &Batch,
        received: &[(Lane, Position)],
    ) -> Result<(), HandlerError> {
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
    ) -> Result<(), HandlerError> {
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
            self.handler
                .handle(&self.store, transaction, &batch.events)
                .await?;
        }
        Ok(())
    }

    /// Commits the events before the poison event first, then stops at it.
    fn poison(&mut self, batch: &Batch, event: EventId, reason: BoxError) -> AttemptError {
        let mut events = batch.events.iter();
        let before = events.position(|recorded| recorded.id == event);
        if let Some(before @ 1..) = before {
            self.limit = before;
            let first = format!(
                "an event cannot be handled; the {before} events before it are committed first"
            );
            return AttemptError::Retry(first.into());
        }
        let first = batch.events.first();
        AttemptError::Stop(RunnerErrorKind::Poison {
            partition: self.reader.partition().clone(),
            event: first.map_or_else(|| event.to_string(), ToString::to_string),
            reason,
        })
    }

    async fn back_off(&mut self, wait: Duration) {
        self.limit = self.limit.min(self.sizes.first);
        self.reader.back_off(wait).await;
    }
}

impl ClaimedPartition {
    /// Removes repeats from the batch and returns the new highest position of each lane.
    fn receive(&self, batch: &mut Batch) -> Vec<(Lane, Position)> {
        let mut highest: HashMap<Lane, Position> = HashMap::new();
        batch.events.retain(|event| {
            let Some(lane) = &event.lane else { return true };
            let known = highest.get(lane).or_else(|| self.received.get(lane));
            let new = known.is_none_or(|known| event.position > *known);
            if new {
                highest.insert(lane.clone(), event.position);
            }
            new
        });
        let mut received = Vec::from_iter(highest);
        received.sort();
        received
    }
}
