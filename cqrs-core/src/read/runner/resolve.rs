//! Resolves the failure of one event: tries it again, parks its key, passes over it, or stops.

use super::{
    attempt::{AttemptError, Failing},
    error::RunnerErrorKind,
    failure::{ErrorAction, Failure},
    worker::Worker,
};
use crate::{
    model::{Checkpoint, Claim, FailedEvent, Offset, PartitionId, Slices, chain},
    ports::{
        Checkpoints, Discarded, Inbox, ParkedKey, Parking, Reader, SourceError, WaitingRecord, kept,
    },
    read::handler::Handler,
};

impl<S: Checkpoints + Inbox + Parking, H: Handler<S>, R: Reader> Worker<S, H, R> {
    /// The checkpoint is right before the event.
    pub(super) async fn resolve(&mut self, failing: Failing) -> Result<(), AttemptError> {
        if self.needs_record(&failing) {
            return Ok(());
        }
        let attempts = self.tried.next(failing.event.id);
        let failure = Failure {
            event: &failing.event,
            kind: failing.kind,
            reason: &*failing.reason,
            attempts,
        };
        let is_kept = failing.event.offset.is_none() || failing.record.is_some();
        match self.policy.action(&failure, is_kept) {
            ErrorAction::Retry => {
                self.retries.failed(&*failing.reason);
                self.back_off(self.policy.wait(attempts)).await;
                Ok(())
            }
            ErrorAction::Park if self.is_shared(&failing) => {
                tracing::warn!(
                    subscription = self.handler.subscription(), partition = %self.reader.partition(),
                    "an ordering key that is no stream is parked only where one partition has every slice, and none is ahead of it, or \
                     where the handler is partitioned by such keys"
                );
                Err(AttemptError::Stop(self.poison(failing)))
            }
            ErrorAction::Park => self.park(failing, attempts).await,
            ErrorAction::Skip => self.pass_over(failing).await,
            ErrorAction::Stop => Err(AttemptError::Stop(self.poison(failing))),
        }
    }

    /// Whether the next attempt must come first, for which the reader keeps the event's record: only with that can its key be parked.
    fn needs_record(&mut self, failing: &Failing) -> bool {
        let is_missing = failing.event.offset.is_some() && failing.record.is_none();
        if !is_missing || self.parked.failing {
            return false;
        }
        self.parked.failing = self.reader.keep_records(true);
        self.parked.failing
    }

    /// Whether events of the key may lie in other partitions, or in slices that other partitions had: a key that is no stream. Then
    /// nobody knows which of them were handled.
    fn is_shared(&self, failing: &Failing) -> bool {
        if !self.handler.partitioned_by().is_stream() {
            return false;
        }
        // Over topics each partition has parked keys of its own, because nothing orders the events of two partitions.
        let PartitionId::Log(slices) = *self.reader.partition() else {
            return false;
        };
        let is_whole = slices == Slices::ALL;
        failing.key.stream().is_none() && !(is_whole && failing.claim.ahead.is_empty())
    }

    /// Parks the key of the event, and moves the checkpoint to the event, in one transaction.
    async fn park(&mut self, failing: Failing, attempts: u32) -> Result<(), AttemptError> {
        let subscription = self.handler.subscription();
        let key = failing.key.clone();
        let event = FailedEvent::from(&failing.event);
        let reason = chain(&*failing.reason).to_string();
        let parked = ParkedKey::new(subscription, key, event, failing.kind, &reason, attempts);
        let parked = parked.in_partition(self.reader.partition());
        let mut transaction = self.moved_to(&failing).await?;
        let most = self.policy.park_at_most;
        if !self.store.park_in(&mut transaction, &parked, most).await? {
            return Err(AttemptError::Stop(RunnerErrorKind::TooManyParked {
                partition: self.reader.partition().clone(),
                event: Box::new(parked.event),
                most,
                reason: failing.reason,
            }));
        }
        if let Some(record) = failing.record {
            let front = [WaitingRecord::new(parked.key.clone(), record)];
            self.store
                .wait_in(&mut transaction, subscription, &front)
                .await?;
        }
        self.store.commit(transaction).await?;
        self.dead_letters.wake();
        self.retries.succeeded();
        tracing::warn!(
            subscription, partition = %self.reader.partition(), key = %parked.key, event = %parked.event,
            fingerprint = %parked.fingerprint, reason,
            "an event cannot be handled: its key is parked, and later events of the key wait until it is redriven or discarded"
        );
        Ok(())
    }

    /// Records the event as discarded, and moves the checkpoint past it, in one transaction.
    async fn pass_over(&mut self, failing: Failing) -> Result<(), AttemptError> {
        let subscription = self.handler.subscription();
        let mut transaction = self.moved_to(&failing).await?;
        let reason = kept(&format!("{}: {}", failing.kind, chain(&*failing.reason)));
        let event = failing.event;
        let discarded = match &failing.record {
            Some(record) => {
                let discarded = failing.is_event.then(|| event.clone().into());
                Discarded::record(subscription, record.shortened(), discarded, &*reason)
            }
            None => Discarded::event(subscription, event.clone(), &*reason),
        };
        self.store.discard_in(&mut transaction, &discarded).await?;
        self.store.commit(transaction).await?;
        self.retries.succeeded();
        tracing::warn!(subscription, partition = %self.reader.partition(), %event, reason, "an event is skipped");
        Ok(())
    }

    /// A transaction that moves the checkpoint from right before the event to right behind it, and receives it.
    async fn moved_to(&self, failing: &Failing) -> Result<S::Transaction, AttemptError> {
        let event = &failing.event;
        let to = match event.offset {
            Some(offset) => {
                let event = failing.is_event.then_some(event.id);
                Checkpoint::new(Offset::new(offset.get() + 1), event)
            }
            None => Checkpoint::after(event.position, event.id),
        };
        let Claim { epoch, at, .. } = failing.claim;
        let mut transaction = self.owned(epoch, at, to).await?;
        if let Some(lane) = &event.lane {
            let subscription = self.handler.subscription();
            let received = [(lane.clone(), event.position)];
            self.store
                .receive_in(
                    &mut transaction,
                    subscription,
                    self.reader.partition(),
                    &received,
                )
                .await?;
        }
        Ok(transaction)
    }

    /// A transaction that proves the claim.
    pub(super) async fn owned(
        &self,
        epoch: u64,
        from: Option<Checkpoint>,
        to: Checkpoint,
    ) -> Result<S::Transaction, AttemptError> {
        let subscription = self.handler.subscription();
        let partition = self.reader.partition();
        let mut transaction = self.store.begin().await?;
        self.store
            .advance_in(&mut transaction, subscription, partition, epoch, from, to)
            .await?;
        Ok(transaction)
    }

    fn poison(&self, failing: Failing) -> RunnerErrorKind {
        if !failing.is_event {
            let malformed = SourceError::Malformed {
                partition: self.reader.partition().clone(),
                offset: failing.event.offset.unwrap_or_default(),
                reason: failing.reason,
            };
            return malformed.into();
        }
        RunnerErrorKind::Poison {
            partition: self.reader.partition().clone(),
            event: Box::new(FailedEvent::from(&failing.event)),
            failure: failing.kind,
            reason: failing.reason,
        }
    }
}
