//! Records what a subscription reads.
//!
//! **Invariant**: a subscription that reads more than before does not silently leave out what it has passed over. It stops, unless
//! there is no such event, or a person has accepted it.

use super::{LogRunner, attempt::AttemptError, error::RunnerErrorKind, worker::Worker};
use crate::{
    model::{Claim, EventFilter, PartitionId, Selection},
    ports::{
        AdvanceError, Checkpoints, CommitError, Fenced, Inbox, Parking, Partitions, Reader,
        StoreError, check_reason,
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
    reason: Option<&str>,
) -> Result<(), CommitError> {
    let mut transaction = store.begin().await?;
    store
        .select_in(
            &mut transaction,
            subscription,
            partition,
            epoch,
            selection,
            reason,
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
            record(
                &self.store,
                subscription,
                &partition,
                epoch,
                &selection,
                None,
            )
            .await?;
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
            _ => Ok(Selection::of(reads).by(role)),
        }
    }
}

impl<S: Partitions + Inbox + Parking, H: Handler<S>> LogRunner<S, H> {
    /// Passes over the events that this role reads now, did not read before, and that lie before its checkpoints. The reason is
    /// recorded with each partition. The next start continues at the checkpoints.
    ///
    /// It is one way past [`PassedOver`](crate::read::RunnerErrorKind::PassedOver); the other is to reset the subscription,
    /// which handles all events again. It is also the way past [`OtherRole`](crate::read::RunnerErrorKind::OtherRole): the kind of
    /// this role is recorded.
    ///
    /// # Errors
    /// When the reason is empty, the store fails, or a runner of this subscription started meanwhile: try again.
    pub async fn accept_selection(&self, reason: &str) -> Result<(), CommitError> {
        let subscription = self.handler.subscription();
        let reads = self.handler.reads().map_err(StoreError::from)?;
        check_reason(reason)?;
        let selection = Selection::of(&reads).by(self.handler.role());
        self.source.subscribe().await?;
        for status in self.store.partitions(subscription).await? {
            let partition = &status.partition;
            let claim = self.store.claim(subscription, partition, None).await?;
            let fenced = || AdvanceError::from(Fenced::new(subscription, partition.clone()));
            let epoch = claim.ok_or_else(fenced)?.epoch;
            let why = Some(reason);
            record(&self.store, subscription, partition, epoch, &selection, why).await?;
        }
        tracing::warn!(
            subscription,
            reason,
            "what the subscription reads is accepted"
        );
        Ok(())
    }
}
