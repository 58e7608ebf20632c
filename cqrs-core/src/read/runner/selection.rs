//! Records what a subscription reads.
//!
//! **Invariant**: a subscription that reads more than before does not silently leave out what it has passed over. It stops, unless
//! there is no such event, or a person has accepted it.

use super::{LogRunner, attempt::AttemptError, error::RunnerErrorKind, worker::Worker};
use crate::{
    model::{Claim, EventFilter, PartitionId, Selection},
    ports::{
        Checkpoints, CommitError, Control, Inbox, Parking, Reader, StoreError, StoreErrorKind,
        check_reason,
    },
    read::handler::Handler,
};

/// Records it in a transaction of its own.
async fn record<S: Checkpoints>(
    store: &S,
    subscription: &str,
    partition: &PartitionId,
    epoch: u64,
    selection: &Selection,
) -> Result<(), CommitError> {
    let mut transaction = store.begin().await?;
    store
        .select_in(
            &mut transaction,
            subscription,
            partition,
            epoch,
            selection,
            None,
        )
        .await?;
    store.commit(transaction).await
}

impl<S: Checkpoints + Inbox + Parking, H: Handler<S>, R: Reader> Worker<S, H, R> {
    /// Records what the role reads, unless it has passed over an event that it reads now.
    pub(super) async fn select(&mut self, claim: &Claim) -> Result<(), AttemptError> {
        if self.selected {
            return Ok(());
        }
        let subscription = self.handler.subscription();
        let partition = self.reader.partition().clone();
        // The constructor of the runner has checked that the handler has a list.
        let reads = self.handler.reads().unwrap_or_default();
        let before = self.store.selection(subscription, &partition).await?;
        let selection = self.selection(&reads, &partition, before.as_ref())?;
        if before.as_ref() != Some(&selection) {
            if let Some(before) = before
                && let Some(filters) = before.missing(&reads)
                && let Some(event) = self.reader.passed_over(&filters, &before, claim).await?
            {
                return Err(AttemptError::Stop(RunnerErrorKind::PassedOver {
                    partition,
                    event,
                }));
            }
            let epoch = claim.epoch;
            record(&self.store, subscription, &partition, epoch, &selection).await?;
        }
        self.selected = true;
        Ok(())
    }
}

impl<S: Checkpoints + Inbox + Parking, H: Handler<S>, R: Reader> Worker<S, H, R> {
    /// What this role reads, unless a role of another kind has read under the name before.
    fn selection(
        &self,
        reads: &[EventFilter],
        partition: &PartitionId,
        before: Option<&Selection>,
    ) -> Result<Selection, AttemptError> {
        let by = self.handler.partitioned_by();
        if let Some(recorded) = before
            .map(Selection::partitioning)
            .filter(|recorded| *recorded != by)
        {
            return Err(AttemptError::Stop(RunnerErrorKind::OtherPartitioning {
                partition: partition.clone(),
                recorded,
                by,
            }));
        }
        let recorded = before.and_then(Selection::role);
        let role = self.handler.role().or(recorded);
        match (recorded, role) {
            (Some(recorded), Some(role)) if recorded != role => {
                Err(AttemptError::Stop(RunnerErrorKind::OtherRole {
                    partition: partition.clone(),
                    recorded,
                    role,
                }))
            }
            _ => Ok(Selection::of(reads).by(role).partitioned_by(by)),
        }
    }
}

impl<S: Control, H: Handler<S>> LogRunner<S, H> {
    /// Passes over the events that this role reads now, did not read before, and that lie before its checkpoints. The reason is
    /// recorded with each partition. The next start continues at the checkpoints.
    ///
    /// It is one way past [`PassedOver`](crate::read::RunnerErrorKind::PassedOver); the other is to reset the subscription,
    /// which handles all events again. It is also the way past [`OtherRole`](crate::read::RunnerErrorKind::OtherRole): the kind of
    /// this role is recorded. And it is the way past [`OtherPartitioning`](crate::read::RunnerErrorKind::OtherPartitioning), where
    /// all partitions are at one place and nothing is parked: after a reset.
    ///
    /// # Errors
    /// When the reason is empty, the store fails, or a runner of this subscription started meanwhile: try again.
    pub async fn accept_selection(&self, reason: &str) -> Result<(), CommitError> {
        let subscription = self.handler.subscription();
        let reads = self.handler.reads().map_err(StoreError::from)?;
        check_reason(reason)?;
        let by = self.handler.partitioned_by();
        let selection = Selection::of(&reads)
            .by(self.handler.role())
            .partitioned_by(by);
        self.source.subscribe().await?;
        self.check_partitioning().await?;
        self.store
            .accept_selection(subscription, &selection, reason)
            .await
    }

    /// Refuses another partitioning where it would change how far an event's partition has read.
    async fn check_partitioning(&self) -> Result<(), StoreError> {
        let (subscription, by) = (self.handler.subscription(), self.handler.partitioned_by());
        let mut differs = false;
        for status in self.store.partitions(subscription).await? {
            let recorded = self
                .store
                .selection(subscription, &status.partition)
                .await?;
            differs |= recorded.is_some_and(|recorded| recorded.partitioning() != by);
        }
        if !differs {
            return Ok(());
        }
        let slices = self.store.progress_by_slice(subscription).await?;
        let at_one_place = slices.windows(2).all(|two| two[0].at == two[1].at);
        if at_one_place && self.store.parked(subscription).await?.is_empty() {
            return Ok(());
        }
        let message = format!(
            "{subscription:?} cannot be partitioned by {by} now: its partitions are at different places, or keys are parked; reset it, \
             or run the role under another name"
        );
        Err(StoreError::new(StoreErrorKind::InvalidInput, message))
    }
}
