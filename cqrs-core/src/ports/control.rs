//! The port that changes what the read side does, by hand, while services run.
//!
//! Every change of a subscription by hand goes through here, whoever asks for it.

use crate::{
    model::{Checkpoint, Claim, Lane, PartitionId, Position, Selection, Slices},
    ports::{
        discards::Discarded,
        documents::Documents,
        error::{AdvanceError, CommitError, Fenced, StoreError, StoreErrorKind},
        inbox::Inbox,
        log_end::last_event_upto,
        parking::{ParkedKey, Parking},
        partitions::{PartitionStatus, Partitions, RepartitionError, SliceProgress},
        reason::check_reason,
    },
};

/// One event or record that a subscription passes over, under a claim of its partition.
#[derive(Debug, Clone)]
#[expect(clippy::exhaustive_structs, reason = "every part is needed")]
pub struct Skip<'a> {
    /// Its partition.
    pub partition: &'a PartitionId,
    /// The epoch of the claim.
    pub epoch: u64,
    /// Where the checkpoint is: right before it.
    pub from: Option<Checkpoint>,
    /// Where the checkpoint goes: right behind it.
    pub to: Checkpoint,
    /// What the inbox notes of it.
    pub received: Option<(Lane, Position)>,
    /// What is kept of it.
    pub discarded: &'a Discarded,
}

/// Changes by hand to the subscriptions of a store.
///
/// **Invariant**: each change commits together with its record ([`Inspect::operations`](super::Inspect::operations)): who, what and why.
/// None is made without a reason; then the error is [`InvalidInput`](StoreErrorKind::InvalidInput), and nothing has changed.
///
/// Runners of the subscription may run meanwhile, in any process: a change that moves a checkpoint fences them, and they go on from the
/// new place.
///
/// ```
/// use cqrs_core::ports::{Control, RepartitionError};
///
/// async fn scale_out(store: &impl Control) -> Result<(), RepartitionError> {
///     store.repartition("balances", 16, "twice the load since May").await?;
///     Ok(())
/// }
/// ```
pub trait Control: Partitions + Inbox + Parking + Documents {
    /// Sets the number of partitions of a subscription over the log. Every slice goes on where it was. Returns how many partitions there
    /// are now: a number that does not divide 1,024 may make fewer.
    ///
    /// # Errors
    /// [`RepartitionError`]; then nothing has changed.
    fn repartition(
        &self,
        subscription: &str,
        partitions: u16,
        reason: &str,
    ) -> impl Future<Output = Result<u16, RepartitionError>> + Send;

    /// Asks the owner of a parked key to handle what waits, in order: if its event is still in front and nothing is requested yet;
    /// otherwise returns `false`. Of a topic it is the key in its partition.
    fn redrive(
        &self,
        parked: &ParkedKey,
        reason: &str,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Asks the owner of a parked key to pass over the event in front for good, then to handle what waits behind it: if that event is
    /// still in front and nothing is requested yet; otherwise returns `false`. Of a topic it is the key in its partition.
    fn discard(
        &self,
        parked: &ParkedKey,
        reason: &str,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Has the runners of a subscription wait. When this returns, no batch of it commits any more, until it is
    /// [resumed](Self::resume). A partition of a topic that is assigned for the first time meanwhile is not paused.
    ///
    /// # Errors
    /// [`InvalidInput`](StoreErrorKind::InvalidInput) when nobody has started the subscription.
    fn pause(
        &self,
        subscription: &str,
        reason: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends a [pause](Self::pause): the runners go on within a second.
    ///
    /// # Errors
    /// As [`pause`](Self::pause).
    fn resume(
        &self,
        subscription: &str,
        reason: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes a subscription that nobody will start again: its checkpoints, partitions, inbox and parked keys. Documents of a view, events and
    /// records of operations stay. If somebody starts it again, it begins at the beginning.
    ///
    /// # Errors
    /// [`InvalidInput`](StoreErrorKind::InvalidInput) when a process runs it over the log, or when nobody has started it. Whether a process
    /// reads topics under the name, the store does not know: stop it first.
    fn remove(
        &self,
        subscription: &str,
        reason: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes the lease of a relay that nobody will start again. How far it is stays at the broker.
    ///
    /// # Errors
    /// [`InvalidInput`](StoreErrorKind::InvalidInput) when a process runs it, or when nobody has started it.
    fn remove_relay(
        &self,
        relay: &str,
        reason: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Has a subscription read its topics from their beginning; its inbox stays, so that it handles only the events that it did not have.
    fn rewind(
        &self,
        subscription: &str,
        reason: &str,
    ) -> impl Future<Output = Result<(), CommitError>> + Send {
        async move {
            let mut transaction = self.begin().await?;
            self.rewind_in(&mut transaction, subscription, reason)
                .await?;
            self.commit(transaction).await
        }
    }

    /// Removes all documents of a view and sends it back to the beginning: its runner rebuilds it by replay.
    fn reset_view(
        &self,
        view: &str,
        reason: &str,
    ) -> impl Future<Output = Result<(), CommitError>> + Send {
        async move {
            check_reason(reason)?;
            // Before the first run there is no table to clear.
            self.prepare_view(view).await?;
            let mut transaction = self.begin().await?;
            // First, so that a batch in flight cannot write after the removal.
            self.reset_in(&mut transaction, view, reason).await?;
            self.clear_in(&mut transaction, view).await?;
            self.commit(transaction).await
        }
    }

    /// Passes over one event or record, and records it with its reason.
    fn skip(&self, skip: Skip<'_>) -> impl Future<Output = Result<(), CommitError>> + Send {
        async move {
            let subscription = &skip.discarded.subscription;
            let partition = skip.partition;
            let mut transaction = self.begin().await?;
            self.advance_in(
                &mut transaction,
                subscription,
                partition,
                skip.epoch,
                skip.from,
                skip.to,
            )
            .await?;
            if let Some(received) = skip.received {
                self.receive_in(&mut transaction, subscription, partition, &[received])
                    .await?;
            }
            self.discard_in(&mut transaction, skip.discarded).await?;
            self.commit(transaction).await
        }
    }

    /// Continues a subscription over the log after the event at `position`, or after the last one before it. The events up to there count
    /// as handled, and nothing is parked any more. Returns the position of that event.
    ///
    /// # Errors
    /// [`InvalidInput`](StoreErrorKind::InvalidInput) when the position is beyond the end of the log, or when no event is at or before
    /// it. [`CommitError::Fenced`] when a runner of the subscription has claimed meanwhile: try again.
    fn continue_after(
        &self,
        subscription: &str,
        position: Position,
        reason: &str,
    ) -> impl Future<Output = Result<Position, CommitError>> + Send {
        async move {
            check_reason(reason)?;
            let to = event_upto(self, position).await?;
            let claims = claim_all(self, subscription).await?;
            // Behind the claims: an owner that was fenced parks nothing any more.
            let parked = self.parked(subscription).await?;
            let mut transaction = self.begin().await?;
            for (partition, claim) in &claims {
                move_to(
                    self,
                    &mut transaction,
                    subscription,
                    partition,
                    claim,
                    to,
                    reason,
                )
                .await?;
            }
            for one in &parked {
                self.unpark_in(&mut transaction, one).await?;
            }
            for (partition, claim) in &claims {
                forget_handled(self, &mut transaction, subscription, partition, claim).await?;
            }
            self.commit(transaction).await?;
            let position = Position::new(to.offset.get());
            tracing::warn!(
                subscription, %position, reason, parked = parked.len(),
                "the subscription continues after an event; what was parked is not parked any more"
            );
            Ok(position)
        }
    }

    /// Records what a subscription over the log reads from now on. What it has passed over before stays passed over.
    ///
    /// # Errors
    /// [`CommitError::Fenced`] when a runner of the subscription has claimed meanwhile: try again.
    fn accept_selection(
        &self,
        subscription: &str,
        selection: &Selection,
        reason: &str,
    ) -> impl Future<Output = Result<(), CommitError>> + Send {
        async move {
            check_reason(reason)?;
            let claims = claim_all(self, subscription).await?;
            let mut transaction = self.begin().await?;
            for (partition, Claim { epoch, .. }) in &claims {
                let before = self.selection(subscription, partition).await?;
                let before = before.unwrap_or_default();
                self.select_in(
                    &mut transaction,
                    subscription,
                    partition,
                    *epoch,
                    &selection.clone().handled_as(&before),
                    Some(reason),
                )
                .await?;
            }
            self.commit(transaction).await?;
            tracing::warn!(
                subscription,
                reason,
                "what the subscription reads is accepted"
            );
            Ok(())
        }
    }

    /// Records what a subscription over the log reads from now on, and has it read the log again from the beginning: it handles what it has
    /// passed over, and not what it has handled.
    ///
    /// # Errors
    /// [`InvalidInput`](StoreErrorKind::InvalidInput) when keys are parked: redrive or discard them first. [`CommitError::Fenced`] when a
    /// runner of the subscription has claimed meanwhile: try again.
    fn handle_passed_over(
        &self,
        subscription: &str,
        selection: &Selection,
        reason: &str,
    ) -> impl Future<Output = Result<(), CommitError>> + Send {
        async move {
            check_reason(reason)?;
            let claims = claim_all(self, subscription).await?;
            // Behind the claims: an owner that was fenced moves and parks nothing any more.
            if !self.parked(subscription).await?.is_empty() {
                return Err(still_parked(subscription).into());
            }
            let places = places(self.progress_by_slice(subscription).await?);
            let mut transaction = self.begin().await?;
            for (partition, Claim { epoch, .. }) in &claims {
                let before = self.selection(subscription, partition).await?;
                let before = before.ok_or_else(|| never_started(subscription))?;
                let now = selection.clone().handled_before(&before, places.clone());
                self.read_again_in(
                    &mut transaction,
                    subscription,
                    partition,
                    *epoch,
                    &now,
                    reason,
                )
                .await?;
            }
            self.commit(transaction).await?;
            tracing::warn!(
                subscription,
                reason,
                "the subscription reads the log again, and handles what it has passed over"
            );
            Ok(())
        }
    }
}

/// Claims every partition of the log.
async fn claim_all<S: Control>(
    store: &S,
    subscription: &str,
) -> Result<Vec<(PartitionId, Claim)>, CommitError> {
    let mut claims = Vec::new();
    for PartitionStatus { partition, .. } in store.partitions(subscription).await? {
        let claim = store.claim(subscription, &partition, None).await?;
        let fenced = || AdvanceError::from(Fenced::new(subscription, partition.clone()));
        let claim = claim.ok_or_else(fenced)?;
        claims.push((partition, claim));
    }
    if claims.is_empty() {
        return Err(never_started(subscription).into());
    }
    Ok(claims)
}

/// Moves a partition, with all of its slices.
async fn move_to<S: Control>(
    store: &S,
    transaction: &mut S::Transaction,
    subscription: &str,
    partition: &PartitionId,
    claim: &Claim,
    to: Checkpoint,
    reason: &str,
) -> Result<(), CommitError> {
    let (epoch, mut from) = (claim.epoch, claim.at);
    // Slices that are ahead go on with the others.
    let furthest = claim.ahead.iter().map(|part| part.at);
    if let Some(furthest) = furthest.max_by_key(|at| at.offset) {
        store
            .advance_in(transaction, subscription, partition, epoch, from, furthest)
            .await?;
        from = Some(furthest);
    }
    store
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

/// The slices that were read to the same place, with that place. Every partition notes all of them, so that their number can change.
fn places(by_slice: Vec<SliceProgress>) -> Vec<(Slices, Position)> {
    let mut places: Vec<(Slices, Position)> = Vec::new();
    for SliceProgress { slice, at, .. } in by_slice {
        let upto = Position::new(at.map_or(0, |at| at.offset.get()));
        let joined = places.last_mut().and_then(|(slices, last)| {
            let goes_on = slices.to() == slice && *last == upto;
            let joined = Slices::new(slices.from(), slice + 1).filter(|_| goes_on)?;
            *slices = joined;
            Some(())
        });
        if joined.is_none() {
            places.extend(Slices::new(slice, slice + 1).map(|slices| (slices, upto)));
        }
    }
    places
}

/// What a person calls handled or not handled counts; what the subscription noted before does not.
async fn forget_handled<S: Control>(
    store: &S,
    transaction: &mut S::Transaction,
    subscription: &str,
    partition: &PartitionId,
    claim: &Claim,
) -> Result<(), CommitError> {
    let found = store.selection(subscription, partition).await?;
    let Some(selection) = found.filter(Selection::reads_again) else {
        return Ok(());
    };
    let selection = selection.with_nothing_handled();
    store
        .select_in(
            transaction,
            subscription,
            partition,
            claim.epoch,
            &selection,
            None,
        )
        .await?;
    Ok(())
}

fn still_parked(subscription: &str) -> StoreError {
    let message = format!(
        "{subscription:?} has parked keys, whose events would be lost when it reads again: redrive or discard them first"
    );
    StoreError::new(StoreErrorKind::InvalidInput, message)
}

/// The last event at or before a position.
async fn event_upto<S: Control>(store: &S, position: Position) -> Result<Checkpoint, StoreError> {
    let invalid = |message: String| StoreError::new(StoreErrorKind::InvalidInput, message);
    if position > store.last_position().await? {
        let message = format!("the log has no position {position} yet; name one that it has");
        return Err(invalid(message));
    }
    if let Some(event) = store.event_id_at(position).await? {
        return Ok(Checkpoint::after(position, event));
    }
    let last = last_event_upto(store, position).await?;
    match store.event_id_at(last).await? {
        Some(event) => Ok(Checkpoint::after(last, event)),
        None => Err(invalid(format!(
            "no event is at position {position} or before it; to handle all events, reset the subscription"
        ))),
    }
}

/// The error of the removal of what a process runs.
#[must_use]
pub fn still_runs(name: &str, process: &str) -> StoreError {
    let message =
        format!("{process} runs {name:?}: stop it first, and wait until its lease has ended");
    StoreError::new(StoreErrorKind::InvalidInput, message)
}

/// The error of a change to a relay that nobody has started.
#[must_use]
pub fn unknown_relay(relay: &str) -> StoreError {
    let message = format!("there is no relay {relay:?}: check its name, or start it first");
    StoreError::new(StoreErrorKind::InvalidInput, message)
}

/// The error of a change to a subscription that nobody has started.
#[must_use]
pub fn never_started(subscription: &str) -> StoreError {
    let message =
        format!("there is no subscription {subscription:?}: check its name, or start it first");
    StoreError::new(StoreErrorKind::InvalidInput, message)
}
