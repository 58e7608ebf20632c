//! Resolves the failure of one event: tries it again, parks its key, passes over it, or stops.

use super::{
    attempt::{AttemptError, Failing},
    error::RunnerErrorKind,
    failure::{ErrorAction, Failure},
    parked::key_of,
    worker::Worker,
};
use crate::{
    model::{Checkpoint, FailedEvent, PartitionId, Slices, chain},
    ports::{Checkpoints, Discarded, Inbox, ParkedKey, Parking, Reader},
    read::handler::Handler,
};

impl<S: Checkpoints + Inbox + Parking, H: Handler<S>, R: Reader> Worker<S, H, R> {
    /// The checkpoint is right before the event.
    pub(super) async fn resolve(&mut self, failing: Failing) -> Result<(), AttemptError> {
        let attempts = self.tried.next(failing.event.id);
        let failure = Failure {
            event: &failing.event,
            kind: failing.kind,
            reason: &*failing.reason,
            attempts,
        };
        match self.policy.action(&failure, self.reader.partition()) {
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

    /// Whether events of the key may lie in other partitions, or in slices that other partitions had: a key that is no stream. Then
    /// nobody knows which of them were handled.
    fn is_shared(&self, failing: &Failing) -> bool {
        if !self.handler.partitioned_by().is_stream() {
            return false;
        }
        let is_whole = *self.reader.partition() == PartitionId::Log(Slices::ALL);
        let key = key_of::<S>(&*self.handler, &failing.event);
        key.stream().is_none() && !(is_whole && failing.claim.ahead.is_empty())
    }

    /// Parks the key of the event, and moves the checkpoint to the event, in one transaction.
    async fn park(&mut self, failing: Failing, attempts: u32) -> Result<(), AttemptError> {
        let subscription = self.handler.subscription();
        let key = key_of::<S>(&*self.handler, &failing.event);
        let event = FailedEvent::from(&failing.event);
        let reason = chain(&*failing.reason).to_string();
        let parked = ParkedKey::new(subscription, key, event, failing.kind, &reason, attempts);
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
        self.store.commit(transaction).await?;
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
        let reason = format!("{}: {}", failing.kind, chain(&*failing.reason));
        let event = failing.event;
        let discarded = Discarded::event(subscription, event.clone(), &*reason);
        self.store.discard_in(&mut transaction, &discarded).await?;
        self.store.commit(transaction).await?;
        self.retries.succeeded();
        tracing::warn!(subscription, partition = %self.reader.partition(), %event, reason, "an event is skipped");
        Ok(())
    }

    /// A transaction that moves the checkpoint from right before the event to the event.
    async fn moved_to(&self, failing: &Failing) -> Result<S::Transaction, AttemptError> {
        let to = Checkpoint::after(failing.event.position, failing.event.id);
        self.owned(failing.claim.epoch, failing.claim.at, to).await
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
        RunnerErrorKind::Poison {
            partition: self.reader.partition().clone(),
            event: Box::new(FailedEvent::from(&failing.event)),
            failure: failing.kind,
            reason: failing.reason,
        }
    }
}
