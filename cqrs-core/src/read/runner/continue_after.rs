//! Continues a subscription at a place that a person names.

use super::LogRunner;
use crate::{
    model::{Checkpoint, PartitionId, Position, Slices},
    ports::{
        Checkpoints, CommitError, EventStore, Inbox, StoreError, StoreErrorKind, check_reason,
    },
    read::{handler::Handler, log_source::last_event_upto},
};

impl<S: EventStore + Checkpoints + Inbox, H: Handler<S>> LogRunner<S, H> {
    /// Continues after the event at `position`, or after the last one before it. The events up to there count as handled, and the
    /// next [`run`](Self::run) handles those after it. Returns the position of that event. The store records the operation with the
    /// reason, in the transaction that moves the checkpoint.
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
        let log = PartitionId::Log(Slices::ALL);
        let claim = self.store.claim(subscription, &log).await?;
        let mut transaction = self.store.begin().await?;
        let moved = self.store.move_in(
            &mut transaction,
            subscription,
            &log,
            claim.epoch,
            claim.at,
            to,
            reason,
        );
        moved.await?;
        self.store.commit(transaction).await?;
        let position = Position::new(to.offset.get());
        tracing::warn!(subscription, %position, reason, "the subscription continues after an event");
        Ok(position)
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
