//! Passes over one event that a role cannot handle.

use crate::{
    model::{Checkpoint, Claim, PartitionId, Position, RecordedEvent, Slices},
    ports::{Checkpoints, Discarded, Inbox, LogQuery, Parking, check_page},
    read::{
        handler::Handler,
        runner::{LogRunner, Runner, parked::key_of, skip_error::SkipError},
    },
};

/// How many events are read at once to find the next one.
const PAGE: usize = 100;

/// The reason, unless it says nothing.
pub(super) fn stated(reason: impl Into<String>) -> Result<String, SkipError> {
    let reason = reason.into();
    if reason.trim().is_empty() {
        return Err(SkipError::NoReason);
    }
    Ok(reason)
}

impl<S: Checkpoints, H: Handler<S>, R> Runner<S, H, R> {
    /// Claims a partition that a call to skip has looked at. A claim fences a runner, so it comes after the checks: a call that is
    /// refused disturbs nobody.
    pub(super) async fn claim_at(
        &self,
        partition: &PartitionId,
        at: Option<Checkpoint>,
    ) -> Result<Claim, SkipError> {
        let subscription = self.handler.subscription();
        let claim = self.store.claim(subscription, partition).await?;
        if claim.at != at {
            return Err(SkipError::Moved {
                subscription: subscription.to_owned(),
                partition: partition.clone(),
                at: claim.at.unwrap_or_default().offset,
            });
        }
        Ok(claim)
    }
}

impl<S: Checkpoints + Inbox + Parking, H: Handler<S>> LogRunner<S, H> {
    /// Passes over the event at `position`, which the role cannot handle, and records it with the reason. The next start
    /// continues after it. Other subscriptions still handle the event.
    ///
    /// It is the way past an event that stopped the runner ([`Poison`](crate::read::RunnerErrorKind::Poison), where
    /// [`ErrorAction::Stop`](crate::read::ErrorAction::Stop) says so) and that no new version
    /// of the role should handle. If the role can be changed, change it instead: a skipped event is missing in what the
    /// subscription builds, and it stops a rebuild again. Other runners of the subscription may run meanwhile.
    ///
    /// # Errors
    /// [`SkipError::NotNext`] when the event is not the next one: everything before it must be handled. [`SkipError::Moved`] when a
    /// runner of the subscription has moved meanwhile. The store's errors.
    pub async fn skip(
        &self,
        position: Position,
        reason: impl Into<String>,
    ) -> Result<Discarded, SkipError> {
        let reason = stated(reason)?;
        let subscription = self.handler.subscription();
        let log = PartitionId::Log(Slices::ALL);
        let at = self.store.checkpoint(subscription, &log).await?;
        self.next_at(position, at).await?;
        let claim = self.claim_at(&log, at).await?;
        // Again: an owner may have redriven a parked key before the claim, and its events are not to be passed over.
        let event = self.next_at(position, at).await?;
        let to = Checkpoint::after(position, event.id);
        let discarded = Discarded::event(subscription, event, reason);
        let mut transaction = self.store.begin().await?;
        self.store
            .advance_in(
                &mut transaction,
                subscription,
                &log,
                claim.epoch,
                claim.at,
                to,
            )
            .await?;
        self.store.discard_in(&mut transaction, &discarded).await?;
        self.store.commit(transaction).await?;
        tracing::warn!(subscription, %position, reason = discarded.reason, "an event is skipped");
        Ok(discarded)
    }

    /// The next event, if it is at this position.
    async fn next_at(
        &self,
        position: Position,
        from: Option<Checkpoint>,
    ) -> Result<RecordedEvent, SkipError> {
        match self.next_event(from).await? {
            Some(event) if event.position == position => Ok(event),
            other => Err(self.not_next(position, other)),
        }
    }

    /// The next event that the role reads and whose key is not parked.
    async fn next_event(
        &self,
        from: Option<Checkpoint>,
    ) -> Result<Option<RecordedEvent>, SkipError> {
        let reads = self.handler.reads()?;
        let subscription = self.handler.subscription();
        let parked = self.store.parked_keys(subscription, Slices::ALL).await?;
        let is_next = |event: &RecordedEvent| !parked.contains(&key_of::<S>(&*self.handler, event));
        let mut at = from;
        loop {
            let after = Position::new(at.map_or(0, |at| at.offset.get()));
            let query = LogQuery::new(after, PAGE).reads(&reads);
            let page = self.store.read_log(query).await?;
            check_page(&page, at)?;
            match (page.events.into_iter().find(is_next), page.upto) {
                (Some(event), _) => return Ok(Some(event)),
                (None, None) => return Ok(None),
                (None, upto) => at = upto,
            }
        }
    }

    fn not_next(&self, position: Position, next: Option<RecordedEvent>) -> SkipError {
        SkipError::NotNext {
            subscription: self.handler.subscription().to_owned(),
            position,
            next: next.map_or_else(|| "not there yet".to_owned(), |event| event.to_string()),
        }
    }
}
