//! Works on one partition: claim, start, then batch by batch.

use std::{collections::HashMap, sync::Arc, time::Duration};

use super::RunnerError;
use crate::{
    model::{Claim, EventId, Lane, Position, RetryPolicy},
    ports::{
        Batch, Checkpoints, CommitError, Inbox, Reader, SourceError, StoreError, StoreErrorKind,
    },
    read::handler::Handler,
    roles::HandlerError,
};

/// How often a worker that has nothing to do makes sure that its checkpoint is still where it left it.
const IDLE_CHECK: Duration = Duration::from_millis(250);

/// How many failures in a row are logged for debugging only.
const HARMLESS: u32 = 3;

pub(super) struct Worker<S, H, R> {
    store: S,
    handler: Arc<H>,
    reader: R,
    first_batch: usize,
    largest_batch: usize,
    /// The size of the next batch. It doubles while batches come back full, is small again after a failure, and ends in
    /// front of a poisonous event.
    limit: usize,
    failures: u32,
}

/// A claimed partition, where it stands, and what was received on it. Valid until a transaction fails: then claim again.
struct Held {
    claim: Claim,
    received: HashMap<Lane, Position>,
}

/// Why the next batch did not come.
enum Trouble {
    Source(SourceError),
    Store(StoreError),
    Moved,
}

/// How an attempt ended that did not handle the batch.
enum Setback {
    /// It may pass: roll back, wait, claim again.
    Retry(String),
    /// It will not.
    Stop(RunnerError),
}

impl<S: Checkpoints + Inbox, H: Handler<S>, R: Reader> Worker<S, H, R> {
    pub(super) fn new(
        store: S,
        handler: Arc<H>,
        reader: R,
        [first_batch, largest_batch]: [usize; 2],
    ) -> Self {
        Self {
            store,
            handler,
            reader,
            first_batch,
            largest_batch,
            limit: first_batch,
            failures: 0,
        }
    }

    /// Until the partition is revoked or something will not pass by itself.
    pub(super) async fn run(mut self) -> Result<(), RunnerError> {
        while !self.reader.revoked() {
            match self.work().await {
                Ok(()) => {}
                Err(Setback::Stop(error)) => return Err(error),
                Err(Setback::Retry(reason)) => self.back_off(&reason).await,
            }
        }
        Ok(())
    }

    async fn work(&mut self) -> Result<(), Setback> {
        let mut held = self.claim().await?;
        self.reader
            .start(held.claim.at)
            .await
            .map_err(|error| self.source(error))?;
        while let Some(batch) = self.next(&held).await? {
            let full = batch.events.len() >= self.limit;
            self.handle(&mut held, batch).await?;
            self.failures = 0;
            if full {
                self.limit = (self.limit * 2).min(self.largest_batch);
            }
        }
        Ok(())
    }

    /// Waits for the next batch, however long reading it takes.
    ///
    /// A partition without new events never meets its fence. So that a reset takes effect there too, the checkpoint is
    /// compared now and then with what this worker left.
    async fn next(&mut self, held: &Held) -> Result<Option<Batch>, Setback> {
        let (store, subscription) = (&self.store, self.handler.subscription());
        let partition = self.reader.partition().clone();
        let mut next = self.reader.next(self.limit);
        let outcome = loop {
            match tokio::time::timeout(IDLE_CHECK, &mut next).await {
                Ok(outcome) => break outcome.map_err(Trouble::Source),
                Err(_) => match store.checkpoint(subscription, &partition).await {
                    Ok(found) if found == held.claim.at => {}
                    Ok(_) => break Err(Trouble::Moved),
                    Err(error) => break Err(Trouble::Store(error)),
                },
            }
        };
        drop(next);
        outcome.map_err(|trouble| match trouble {
            Trouble::Source(error) => self.source(error),
            Trouble::Store(error) => self.write(error.into()),
            Trouble::Moved => Setback::Retry("the checkpoint was moved by another".to_owned()),
        })
    }

    async fn claim(&self) -> Result<Held, Setback> {
        let (subscription, partition) = (self.handler.subscription(), self.reader.partition());
        let claim = self
            .store
            .claim(subscription, partition)
            .await
            .map_err(|error| self.write(error.into()))?;
        let received = self.store.received(subscription, partition).await;
        let received = received
            .map_err(|error| self.write(error.into()))?
            .into_iter()
            .collect();
        Ok(Held { claim, received })
    }

    async fn handle(&mut self, held: &mut Held, mut batch: Batch) -> Result<(), Setback> {
        let received = held.receive(&mut batch);
        match self.commit(held.claim.epoch, &batch, &received).await {
            Ok(()) => {
                held.received.extend(received);
                held.claim.at = Some(batch.next);
                Ok(())
            }
            Err(HandlerError::Write(error)) => Err(self.write(error)),
            Err(HandlerError::Poison { event, reason }) => self.poison(&batch, event, reason),
        }
    }

    /// The heart of the runner: checkpoint, inbox and effects in one transaction.
    async fn commit(
        &self,
        epoch: u64,
        batch: &Batch,
        received: &[(Lane, Position)],
    ) -> Result<(), HandlerError> {
        let mut transaction = self.store.begin().await?;
        match self.apply(&mut transaction, epoch, batch, received).await {
            Ok(()) => Ok(self.store.commit(transaction).await?),
            Err(error) => {
                // The first error is the one to report; a transaction that cannot be rolled back ends with its session.
                let _ = self.store.rollback(transaction).await;
                Err(error)
            }
        }
    }

    async fn apply(
        &self,
        transaction: &mut S::Transaction,
        epoch: u64,
        batch: &Batch,
        received: &[(Lane, Position)],
    ) -> Result<(), HandlerError> {
        let (subscription, partition) = (self.handler.subscription(), self.reader.partition());
        self.store
            .advance_in(transaction, subscription, partition, epoch, batch.next)
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

    /// Commits what comes before the poisonous event first, then stops in front of it.
    fn poison(&mut self, batch: &Batch, event: EventId, reason: String) -> Result<(), Setback> {
        let before = batch
            .events
            .iter()
            .position(|recorded| recorded.id == event)
            .unwrap_or(0);
        if before > 0 {
            self.limit = before;
            return Err(Setback::Retry(format!(
                "{before} events before a poisonous one are handled first"
            )));
        }
        let event = batch
            .events
            .first()
            .map_or_else(|| event.to_string(), ToString::to_string);
        let (subscription, partition) = (
            self.handler.subscription().to_owned(),
            self.reader.partition().clone(),
        );
        Err(Setback::Stop(RunnerError::Poison {
            subscription,
            partition,
            event,
            reason,
        }))
    }

    fn write(&self, error: CommitError) -> Setback {
        match error {
            CommitError::Store(error) if !passes(error.kind()) => {
                Setback::Stop(RunnerError::Store {
                    subscription: self.handler.subscription().to_owned(),
                    error,
                })
            }
            error => Setback::Retry(error.to_string()),
        }
    }

    fn source(&self, error: SourceError) -> Setback {
        match error {
            SourceError::Unavailable(error) => Setback::Retry(error.to_string()),
            error => Setback::Stop(RunnerError::Source {
                subscription: self.handler.subscription().to_owned(),
                error,
            }),
        }
    }

    async fn back_off(&mut self, reason: &str) {
        self.limit = self.limit.min(self.first_batch);
        self.failures = self.failures.saturating_add(1);
        let wait = RetryPolicy::ALWAYS
            .wait(self.failures)
            .unwrap_or(RetryPolicy::ALWAYS.longest);
        let (subscription, partition) = (self.handler.subscription(), self.reader.partition());
        // A conflict or a fence now and then is nothing to worry about; one that stays is.
        if self.failures <= HARMLESS {
            tracing::debug!(subscription, %partition, failures = self.failures, ?wait, reason, "trying again");
        } else {
            tracing::warn!(subscription, %partition, failures = self.failures, ?wait, reason, "trying again");
        }
        self.reader.back_off(wait).await;
    }
}

/// Whether a failure of this kind may pass by itself. After an unknown outcome the next claim tells what happened.
fn passes(kind: StoreErrorKind) -> bool {
    matches!(
        kind,
        StoreErrorKind::Unavailable | StoreErrorKind::OutcomeUnknown
    )
}

impl Held {
    /// Takes repeats out of the batch and says what is new: the highest position of each lane.
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
