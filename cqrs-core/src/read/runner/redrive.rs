//! Redrives and discards what is parked, when somebody has asked for it: between two batches, by the owner of the claim.
//!
//! **Invariant**: the transaction that changes a parked key first moves the checkpoint from its place to the same place. So the claim is
//! proved, and what waits is exactly what lies between the event in front and that place. Only after the commit does the worker
//! handle later events of the key again.

use super::{
    attempt::AttemptError,
    batch_error::{BatchError, Located, locate},
    claimed::ClaimedPartition,
    waiting::Waiting,
    worker::Worker,
};
use crate::{
    model::{Checkpoint, FailureKind, Lane, Position, Selection, chain},
    ports::{
        BoxError, Checkpoints, Discarded, DiscardedEvent, Inbox, ParkedKey, ParkedRequest, Parking,
        Reader, StoreError, StoreErrorKind,
    },
    read::handler::Handler,
};

/// A parked key with what waits, at the place of the claim.
struct Redrive {
    epoch: u64,
    at: Checkpoint,
    parked: ParkedKey,
    waiting: Waiting,
    /// How many records in front of the event that failed again were not read by the role.
    handled: usize,
    /// What the inbox notes of the events.
    received: Vec<(Lane, Position)>,
}

impl<S: Checkpoints + Inbox + Parking, H: Handler<S>, R: Reader> Worker<S, H, R> {
    /// Works on the oldest request, if there is one.
    pub(super) async fn redrive(
        &mut self,
        claimed: &mut ClaimedPartition,
    ) -> Result<(), AttemptError> {
        let (Some(at), Some(parked)) = (claimed.claim.at, self.request().await?) else {
            return Ok(());
        };
        let discard = match &parked.requested {
            Some(ParkedRequest::Discard { reason }) => Some(reason.clone()),
            _ => None,
        };
        let waiting = match discard {
            Some(_) => self.front(claimed, &parked).await?,
            None => {
                let limit = self.parked.limit.get();
                self.waiting(claimed, &parked, limit).await?
            }
        };
        let received = match (&discard, &waiting.first) {
            (Some(_), Some(record)) => {
                let event = self.reader.decode(record).ok();
                claimed.not_received(event.as_slice())
            }
            _ => claimed.not_received(&waiting.events),
        };
        let mut redrive = Redrive {
            epoch: claimed.claim.epoch,
            at,
            parked,
            waiting,
            handled: 0,
            received,
        };
        self.parked.soon();
        match discard {
            Some(reason) => self.discard(claimed, redrive, reason).await,
            None if self.has_another_key(&redrive) => {
                let reason = "the role has another ordering key for this event now: give it the old one, or discard the event";
                self.failed_again(redrive, FailureKind::Rejected, reason.into())
                    .await
            }
            None => match redrive.waiting.unreadable.take() {
                Some(reason) => {
                    let unreadable = redrive.waiting.next.take();
                    redrive.parked.event = unreadable.unwrap_or(redrive.parked.event);
                    redrive.handled = redrive.waiting.records;
                    let kind = FailureKind::Undecodable;
                    self.failed_again(redrive, kind, reason).await
                }
                None => self.handle_waiting(claimed, redrive).await,
            },
        }
    }

    async fn request(&self) -> Result<Option<ParkedKey>, StoreError> {
        let subscription = self.handler.subscription();
        let partition = self.reader.partition();
        let requested = self.store.requested(subscription, partition).await?;
        let mut requested = requested.into_iter();
        Ok(requested.find(|parked| !self.parked.is_postponed(&parked.key)))
    }

    /// Whether the role still reads the event in front, but not under its key. The records of a topic are kept under the key that they had.
    fn has_another_key(&self, redrive: &Redrive) -> bool {
        if redrive.parked.topic.is_some() || redrive.waiting.erased {
            return false;
        }
        let event = &redrive.parked.event;
        let first = redrive.waiting.events.first().map(|event| event.id);
        let reads = Selection::of(&self.handler.reads().unwrap_or_default());
        first != Some(event.id)
            && reads.matches(event.stream.category().as_str(), &event.event_type)
    }

    async fn handle_waiting(
        &mut self,
        claimed: &mut ClaimedPartition,
        redrive: Redrive,
    ) -> Result<(), AttemptError> {
        let Err(error) = self.commit_redrive(&redrive).await else {
            if redrive.waiting.events.len() >= self.parked.limit.get() {
                self.parked.limit.double();
            }
            self.redriven(claimed, redrive);
            return Ok(());
        };
        match locate(&mut self.parked.limit, &redrive.waiting.events, 0, error) {
            Located::Smaller(error) => {
                tracing::debug!(error = %chain(&*error), "redrives fewer events");
                Ok(())
            }
            Located::First(kind, reason) => {
                self.failed_again(redrive.at_first(), kind, reason).await
            }
            Located::Newer(error) => {
                self.tally.newer(self.reader.partition(), &error);
                self.reporter.newer_event(self.reader.partition());
                self.parked.postpone(redrive.parked.key);
                Ok(())
            }
            Located::Elsewhere(error) => Err(error),
        }
    }

    /// Handles the events, and has the next one wait in front of the key, in one transaction.
    async fn commit_redrive(&self, redrive: &Redrive) -> Result<(), BatchError> {
        let subscription = self.handler.subscription();
        let partition = self.reader.partition();
        let Redrive { epoch, at, .. } = *redrive;
        let mut transaction = self.store.begin().await?;
        self.store
            .advance_in(
                &mut transaction,
                subscription,
                partition,
                epoch,
                Some(at),
                at,
            )
            .await?;
        if !redrive.waiting.events.is_empty() {
            self.call(&mut transaction, &redrive.waiting.events).await?;
        }
        self.go_on(&mut transaction, redrive).await?;
        self.store.commit(transaction).await?;
        Ok(())
    }

    /// Takes the key out, or has the next event wait in front of it.
    async fn go_on(
        &self,
        transaction: &mut S::Transaction,
        redrive: &Redrive,
    ) -> Result<(), StoreError> {
        let parked = &redrive.parked;
        if !redrive.received.is_empty() {
            let partition = self.reader.partition();
            self.store
                .receive_in(
                    transaction,
                    &parked.subscription,
                    partition,
                    &redrive.received,
                )
                .await?;
        }
        let found = match &redrive.waiting.next {
            None => self.store.unpark_in(transaction, parked).await?,
            Some(next) => {
                let parked = parked.clone().continued(next.clone());
                self.store
                    .update_parked_in(transaction, &parked, redrive.waiting.records)
                    .await?
            }
        };
        if found {
            Ok(())
        } else {
            Err(not_parked(parked))
        }
    }

    /// Passes over the event in front for good; what waits behind it is redriven next.
    async fn discard(
        &mut self,
        claimed: &mut ClaimedPartition,
        redrive: Redrive,
        reason: String,
    ) -> Result<(), AttemptError> {
        let subscription = self.handler.subscription();
        let at = redrive.at;
        let discarded = match &redrive.waiting.first {
            Some(record) => {
                let event = self.reader.decode(record).ok().map(DiscardedEvent::from);
                Discarded::record(subscription, record.shortened(), event, reason)
            }
            None => {
                let event = &redrive.parked.event;
                let stream = event.stream.clone();
                let event = DiscardedEvent::new(stream, event.version, event.position, event.id);
                Discarded::event(subscription, event, reason)
            }
        };
        let mut transaction = self.owned(redrive.epoch, Some(at), at).await?;
        self.store.discard_in(&mut transaction, &discarded).await?;
        self.go_on(&mut transaction, &redrive).await?;
        self.store.commit(transaction).await?;
        let event = &redrive.parked.event;
        tracing::warn!(subscription, %event, reason = discarded.reason, "an event is discarded");
        self.redriven(claimed, redrive);
        Ok(())
    }

    /// After the commit, and not before: later events of the key are handled again if none waits.
    fn redriven(&mut self, claimed: &mut ClaimedPartition, redrive: Redrive) {
        self.retries.succeeded();
        claimed.received.extend(redrive.received);
        if redrive.waiting.next.is_some() {
            return;
        }
        self.parked.remove(&redrive.parked.key);
        self.keep_records();
        self.report_parked();
        let subscription = self.handler.subscription();
        tracing::info!(subscription, key = %redrive.parked.key, "a key is not parked any more");
    }

    /// The event in front cannot be handled still: it waits, and nothing is requested.
    async fn failed_again(
        &mut self,
        redrive: Redrive,
        kind: FailureKind,
        reason: BoxError,
    ) -> Result<(), AttemptError> {
        let at = redrive.at;
        let handled = redrive.handled;
        let reason = chain(&*reason).to_string();
        let parked = redrive.parked.failed_again(kind, &reason);
        let mut transaction = self.owned(redrive.epoch, Some(at), at).await?;
        if !self
            .store
            .update_parked_in(&mut transaction, &parked, handled)
            .await?
        {
            return Err(not_parked(&parked).into());
        }
        self.store.commit(transaction).await?;
        self.dead_letters.wake();
        self.parked.limit.restart();
        let subscription = self.handler.subscription();
        tracing::warn!(subscription, key = %parked.key, event = %parked.event, reason, "a parked event cannot be handled still");
        Ok(())
    }
}

impl Redrive {
    /// With the first of the events in front: of a topic, the role may not read the records before it any more.
    fn at_first(mut self) -> Self {
        if let (Some(_), Some(first)) = (&self.parked.topic, self.waiting.events.first()) {
            self.handled = self.waiting.before_first;
            if self.handled > 0 {
                self.parked.event = first.into();
            }
        }
        self
    }
}

fn not_parked(parked: &ParkedKey) -> StoreError {
    let message = format!("{} is not parked any more", parked.key);
    StoreError::new(StoreErrorKind::Unavailable, message)
}
