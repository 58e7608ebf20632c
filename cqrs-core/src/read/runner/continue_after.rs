//! Continues a subscription at a place that a person names.

use super::LogRunner;
use crate::{
    model::{Checkpoint, Claim, PartitionId, Position},
    ports::{
        AdvanceError, CommitError, Fenced, Inbox, Parking, PartitionStatus, Partitions, StoreError,
        StoreErrorKind, check_reason,
    },
    read::{handler::Handler, log_source::last_event_upto},
};

impl<S: Partitions + Inbox + Parking, H: Handler<S>> LogRunner<S, H> {
    /// Continues after the event at `position`, or after the last one before it. The events up to there count as handled, and the
    /// next [`run`](Self::run) handles those after it. Returns the position of that event. The store records the operation with the
    /// reason, in the transaction that moves the checkpoint.
    ///
    /// Nothing is [parked](crate::read::ErrorAction::Park) afterwards: what waits up to the position counts as handled, too, and what
    /// waits behind it is read again.
    ///
    /// It is the way on after [`SourceError::LogReplaced`](crate::ports::SourceError::LogReplaced) for a role that must not handle
    /// events twice: a reactor, whose commands would be sent again, and a projection with SQL of its own. A view is
    /// [reset](crate::ReadModel::reset). If the log only lacks the event of the checkpoint, the position of that error is the right
    /// one. After a restore it is the last event from before what was lost.
    ///
    /// Runners of the subscription that run are fenced.
    ///
    /// # Errors
    /// When the store fails, or a runner of this subscription started meanwhile: try again. A store error of the kind
    /// [`InvalidInput`](StoreErrorKind::InvalidInput) when the reason is empty, when the position is beyond the end of the log, or
    /// when no event is at or before it.
    pub async fn continue_after(
        &self,
        position: Position,
        reason: &str,
    ) -> Result<Position, CommitError> {
        check_reason(reason)?;
        let to = self.event_upto(position).await?;
        let subscription = self.handler.subscription();
        self.source.subscribe().await?;
        let mut claims = Vec::new();
        for PartitionStatus { partition, .. } in self.store.partitions(subscription).await? {
            let claim = self.store.claim(subscription, &partition, None).await?;
            let fenced = || AdvanceError::from(Fenced::new(subscription, partition.clone()));
            let claim = claim.ok_or_else(fenced)?;
            claims.push((partition, claim));
        }
        // Behind the claims: an owner that was fenced parks nothing any more.
        let parked = self.store.parked(subscription).await?;
        let mut transaction = self.store.begin().await?;
        for (partition, claim) in &claims {
            self.move_to(&mut transaction, partition, claim, to, reason)
                .await?;
        }
        for one in &parked {
            self.store.unpark_in(&mut transaction, one).await?;
        }
        self.store.commit(transaction).await?;
        let position = Position::new(to.offset.get());
        tracing::warn!(
            subscription, %position, reason, parked = parked.len(),
            "the subscription continues after an event; what was parked is not parked any more"
        );
        Ok(position)
    }

    /// Moves a partition, with all of its slices.
    async fn move_to(
        &self,
        transaction: &mut S::Transaction,
        partition: &PartitionId,
        claim: &Claim,
        to: Checkpoint,
        reason: &str,
    ) -> Result<(), CommitError> {
        let subscription = self.handler.subscription();
        let (epoch, mut from) = (claim.epoch, claim.at);
        // Slices that are ahead go on with the others.
        let furthest = claim.ahead.iter().map(|part| part.at);
        if let Some(furthest) = furthest.max_by_key(|at| at.offset) {
            self.store
                .advance_in(transaction, subscription, partition, epoch, from, furthest)
                .await?;
            from = Some(furthest);
        }
        self.store
            .move_in(
                transaction,
                subscription,
                partition,
                epoch,
                from,
                to,
                reason,
            )
            .await?;
        Ok(())
    }

    /// The last event at or before a position.
    async fn event_upto(&self, position: Position) -> Result<Checkpoint, StoreError> {
        let invalid = |message: String| StoreError::new(StoreErrorKind::InvalidInput, message);
        if position > self.store.last_position().await? {
            let message = format!("the log has no position {position} yet; name one that it has");
            return Err(invalid(message));
        }
        if let Some(event) = self.store.event_id_at(position).await? {
            return Ok(Checkpoint::after(position, event));
        }
        let last = last_event_upto(&self.store, position).await?;
        match self.store.event_id_at(last).await? {
            Some(event) => Ok(Checkpoint::after(last, event)),
            None => Err(invalid(format!(
                "no event is at position {position} or before it; to handle all events, reset the subscription"
            ))),
        }
    }
}
