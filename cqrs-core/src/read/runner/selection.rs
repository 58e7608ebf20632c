//! Records what a subscription reads.
//!
//! **Invariant**: a subscription that reads more than before does not silently leave out what it has passed over. It stops, unless
//! there is no such event, or a person has decided: it is left out, or handled now.

use super::{
    LogRunner,
    attempt::AttemptError,
    error::{ReadTypes, RunnerErrorKind},
    worker::Worker,
};
use crate::{
    model::{Claim, EventFilter, PartitionId, RoleKind, Selection},
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
        let subscription = self.handler.subscription().to_owned();
        let partition = self.reader.partition().clone();
        // The constructor of the runner has checked that the handler has a list.
        let reads = self.handler.reads().unwrap_or_default();
        let before = self.store.selection(&subscription, &partition).await?;
        let selection = self.selection_of(&reads, &partition, before.as_ref())?;
        if before.as_ref() != Some(&selection) {
            if let Some(before) = before
                && let Some(filters) = before.missing(&reads)
            {
                self.check_passed_over(&filters, &before, claim).await?;
            }
            let epoch = claim.epoch;
            record(&self.store, &subscription, &partition, epoch, &selection).await?;
        }
        self.selection = selection;
        self.selected = true;
        Ok(())
    }

    /// Stops if the subscription has passed over an event that it reads now. A topic cannot be asked, so what is read of it is recorded
    /// with a warning.
    async fn check_passed_over(
        &mut self,
        filters: &[EventFilter],
        before: &Selection,
        claim: &Claim,
    ) -> Result<(), AttemptError> {
        let partition = self.reader.partition().clone();
        let types = ReadTypes::from(filters);
        if let PartitionId::Topic { .. } = partition {
            let subscription = self.handler.subscription();
            tracing::warn!(
                subscription, %partition, %types,
                "reads more than before: events of these types before its checkpoint stay passed over; to handle them, run the role under \
                 another name, or reset a view"
            );
            return Ok(());
        }
        let found = self.reader.passed_over(filters, before, claim).await?;
        match found {
            None => Ok(()),
            Some(event) => Err(AttemptError::Stop(RunnerErrorKind::PassedOver {
                partition,
                role: self.handler.role(),
                types,
                event,
            })),
        }
    }
}

impl<S: Checkpoints + Inbox + Parking, H: Handler<S>, R: Reader> Worker<S, H, R> {
    /// What this role reads, unless a role of another kind has read under the name before.
    fn selection_of(
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
            _ => {
                let selection = Selection::of(reads).by(role).partitioned_by(by);
                Ok(match before {
                    Some(before) => selection.handled_as(before),
                    None => selection,
                })
            }
        }
    }
}

impl<S: Control, H: Handler<S>> LogRunner<S, H> {
    /// Passes over the events that this role reads now, did not read before, and that lie before its checkpoints. The reason is
    /// recorded with each partition. The next start continues at the checkpoints.
    ///
    /// It is one way past [`PassedOver`](crate::read::RunnerErrorKind::PassedOver). The others are
    /// [`handle_passed_over`](Self::handle_passed_over), and to reset a view, which handles all events again. It is also the way past [`OtherRole`](crate::read::RunnerErrorKind::OtherRole): the kind of
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

    /// Handles the events that this role reads now, did not read before, and that lie before its checkpoints. The next start reads the log
    /// from its beginning and passes over what it has handled. The reason is recorded with each partition.
    ///
    /// It is a way past [`PassedOver`](crate::read::RunnerErrorKind::PassedOver) for a reactor or a projection that must have every event:
    /// a reset would handle the others twice. The old events come now: after newer ones of their stream that were handled before.
    ///
    /// # Errors
    /// [`InvalidInput`](StoreErrorKind::InvalidInput) when the reason is empty, when keys are parked (redrive or discard them first), or when
    /// the role is a view: its documents depend on the order of the events, so reset it. Otherwise as
    /// [`accept_selection`](Self::accept_selection).
    pub async fn handle_passed_over(&self, reason: &str) -> Result<(), CommitError> {
        let subscription = self.handler.subscription();
        if self.handler.role() == Some(RoleKind::View) {
            let message = format!(
                "{subscription:?} is a view, whose documents depend on the order of the events: reset it (ReadModel::reset)"
            );
            return Err(StoreError::new(StoreErrorKind::InvalidInput, message).into());
        }
        let reads = self.handler.reads().map_err(StoreError::from)?;
        let by = self.handler.partitioned_by();
        let selection = Selection::of(&reads).by(self.handler.role());
        let selection = selection.partitioned_by(by);
        self.check_same_role(&selection).await?;
        self.store
            .handle_passed_over(subscription, &selection, reason)
            .await
    }

    /// Refuses to read again what another kind of role, or another partitioning, has read.
    async fn check_same_role(&self, selection: &Selection) -> Result<(), StoreError> {
        let subscription = self.handler.subscription();
        for status in self.store.partitions(subscription).await? {
            let before = self
                .store
                .selection(subscription, &status.partition)
                .await?;
            let is_same = |before: Selection| {
                before.partitioning() == selection.partitioning()
                    && (before.role().is_none() || before.role() == selection.role())
            };
            if !before.is_none_or(is_same) {
                let message = format!(
                    "{subscription:?} was read by a role of another kind, or partitioned by something else: only what the same role has \
                     handled counts as handled"
                );
                return Err(StoreError::new(StoreErrorKind::InvalidInput, message));
            }
        }
        Ok(())
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
