//! Continues a subscription at a place that a person names.

use super::LogRunner;
use crate::{
    model::Position,
    ports::{CommitError, Control, check_reason},
    read::handler::Handler,
};

impl<S: Control, H: Handler<S>> LogRunner<S, H> {
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
    /// [`InvalidInput`](crate::StoreErrorKind::InvalidInput) when the reason is empty, when the position is beyond the end of the log, or
    /// when no event is at or before it.
    pub async fn continue_after(
        &self,
        position: Position,
        reason: &str,
    ) -> Result<Position, CommitError> {
        check_reason(reason)?;
        self.source.subscribe().await?;
        let subscription = self.handler.subscription();
        self.store
            .continue_after(subscription, position, reason)
            .await
    }
}
