//! Passes over one event that a role cannot handle.

use crate::{
    model::{Checkpoint, Claim, PartitionId, PartitionedBy, Position, RecordedEvent, Slices},
    ports::{Checkpoints, Control, Discarded, LogQuery, PartitionStatus, Skip, check_page},
    read::{
        handler::Handler,
        runner::{
            LogRunner, Runner,
            parked::{key_of, slice_of},
            skip_error::SkipError,
        },
    },
};

/// How many events are read at once to find the next one.
const PAGE: usize = 100;

/// A partition, its checkpoint, and its next event.
struct NextEvent {
    partition: PartitionId,
    at: Option<Checkpoint>,
    event: RecordedEvent,
}

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
        let claim = self.store.claim(subscription, partition, None).await?;
        match claim {
            Some(claim) if claim.at == at => Ok(claim),
            moved => Err(self.moved(partition.clone(), moved.and_then(|claim| claim.at))),
        }
    }

    fn moved(&self, partition: PartitionId, at: Option<Checkpoint>) -> SkipError {
        SkipError::Moved {
            subscription: self.handler.subscription().to_owned(),
            partition,
            at: at.unwrap_or_default().offset,
        }
    }
}

impl<S: Control, H: Handler<S>> LogRunner<S, H> {
    /// Passes over the event at `position`, which the role cannot handle, and records it with the reason. The next start
    /// continues after it. Other subscriptions still handle the event.
    ///
    /// It is the way past an event that stopped the runner ([`Poison`](crate::read::RunnerErrorKind::Poison), where
    /// [`ErrorAction::Stop`](crate::read::ErrorAction::Stop) says so) and that no new version
    /// of the role should handle. If the role can be changed, change it instead: a skipped event is missing in what the
    /// subscription builds, and it stops a rebuild again. Other runners of the subscription may run meanwhile.
    ///
    /// # Errors
    /// [`SkipError::NotNext`] when the event is not the next one of its partition: everything before it must be handled.
    /// [`SkipError::Moved`] when a runner of the subscription has moved meanwhile. The store's errors.
    pub async fn skip(
        &self,
        position: Position,
        reason: impl Into<String>,
    ) -> Result<Discarded, SkipError> {
        let reason = stated(reason)?;
        let subscription = self.handler.subscription();
        let before = self.next_at(position).await?;
        let claim = self.claim_at(&before.partition, before.at).await?;
        // Again: an owner may have redriven a parked key before the claim, and its events are not to be passed over.
        let NextEvent {
            partition,
            at,
            event,
        } = self.next_at(position).await?;
        if (&partition, at) != (&before.partition, before.at) {
            return Err(self.moved(partition, at));
        }
        let to = Checkpoint::after(position, event.id);
        let discarded = Discarded::event(subscription, event, reason);
        let skip = Skip {
            partition: &partition,
            epoch: claim.epoch,
            from: claim.at,
            to,
            received: None,
            discarded: &discarded,
        };
        self.store.skip(skip).await?;
        tracing::warn!(subscription, %position, reason = discarded.reason, "an event is skipped");
        Ok(discarded)
    }

    /// The next event of the partition that has the event at this position, if it is that event.
    async fn next_at(&self, position: Position) -> Result<NextEvent, SkipError> {
        self.source.subscribe().await?;
        let subscription = self.handler.subscription();
        let progress = self.store.progress_by_slice(subscription).await?;
        let partitions = self.store.partitions(subscription).await?;
        let slice = self.slice_at(position).await?;
        let has = |status: &PartitionStatus| match &status.partition {
            PartitionId::Log(slices) => slices.contains(slice),
            PartitionId::Topic { .. } => false,
        };
        // A change of their number is in the way for a moment only.
        let Some(PartitionStatus { partition, at, .. }) = partitions.into_iter().find(has) else {
            return Err(self.not_next(position, None));
        };
        let handled = |event: &RecordedEvent| {
            let place = progress.get(usize::from(slice_of::<S>(&*self.handler, event)));
            let place = place.and_then(|place| place.at);
            place.is_some_and(|at| event.position.get() <= at.offset.get())
        };
        match self.first_event(&partition, at, handled).await? {
            Some(event) if event.position == position => Ok(NextEvent {
                partition,
                at,
                event,
            }),
            other => Err(self.not_next(position, other)),
        }
    }

    /// The slice of the event at a position; that of the first one where there is none.
    async fn slice_at(&self, position: Position) -> Result<u16, SkipError> {
        let before = Position::new(position.get().saturating_sub(1));
        let page = self.store.read_log(LogQuery::new(before, 1)).await?;
        let first = page.events.first();
        Ok(first.map_or(0, |event| slice_of::<S>(&*self.handler, event)))
    }

    /// The first event of a partition after `from` that the role reads, that was not handled, and whose key is not parked.
    async fn first_event(
        &self,
        partition: &PartitionId,
        from: Option<Checkpoint>,
        handled: impl Fn(&RecordedEvent) -> bool,
    ) -> Result<Option<RecordedEvent>, SkipError> {
        let reads = self.handler.reads()?;
        let slices = match partition {
            PartitionId::Log(slices) => *slices,
            PartitionId::Topic { .. } => Slices::ALL,
        };
        let subscription = self.handler.subscription();
        let parked = self.store.parked_keys(subscription, partition).await?;
        let is_next = |event: &RecordedEvent| {
            slices.contains(slice_of::<S>(&*self.handler, event))
                && !handled(event)
                && !parked.contains(&key_of::<S>(&*self.handler, event))
        };
        let asked = match self.handler.partitioned_by() {
            PartitionedBy::Stream => slices,
            PartitionedBy::OrderingKey => Slices::ALL,
        };
        let mut at = from;
        loop {
            let after = Position::new(at.map_or(0, |at| at.offset.get()));
            let query = LogQuery::new(after, PAGE).reads(&reads).slices(asked);
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
