//! The port of changes by hand.

use super::{MemoryEventStore, State, operations::NewOperation};
use crate::{
    model::{EventId, OrderingKey, Requested, Slices},
    ports::{
        Control, ParkedKey, ParkedRequest, RepartitionError, StoreError, check_reason,
        never_started,
    },
};

impl Control for MemoryEventStore {
    async fn repartition(
        &self,
        subscription: &str,
        partitions: u16,
        reason: &str,
    ) -> Result<u16, RepartitionError> {
        check_reason(reason)?;
        if !(1..=Slices::COUNT).contains(&partitions) {
            return Err(RepartitionError::Number(partitions));
        }
        let mut state = self.state();
        let before = state.log_partitions(subscription).len();
        let made = state.repartition(subscription, partitions)?;
        let operation = NewOperation::on(subscription, "repartition", reason);
        state.record(operation.with("partitions", made).with("before", before));
        Ok(made)
    }

    async fn redrive(
        &self,
        subscription: &str,
        key: &OrderingKey,
        event: EventId,
        reason: &str,
    ) -> Result<bool, StoreError> {
        check_reason(reason)?;
        let mut state = self.state();
        Ok(state.request(subscription, key, event, ParkedRequest::Redrive, reason))
    }

    async fn discard(
        &self,
        subscription: &str,
        key: &OrderingKey,
        event: EventId,
        reason: &str,
    ) -> Result<bool, StoreError> {
        check_reason(reason)?;
        let request = ParkedRequest::Discard {
            reason: reason.to_owned(),
        };
        let mut state = self.state();
        Ok(state.request(subscription, key, event, request, reason))
    }

    async fn pause(&self, subscription: &str, reason: &str) -> Result<(), StoreError> {
        let mut state = self.state();
        state.ask(subscription, Requested::Pause, "pause", reason)
    }

    async fn resume(&self, subscription: &str, reason: &str) -> Result<(), StoreError> {
        let mut state = self.state();
        state.ask(subscription, Requested::Run, "resume", reason)
    }
}

impl State {
    /// Asks the owner of a parked key, if this event is in front and nothing is requested.
    fn request(
        &mut self,
        subscription: &str,
        key: &OrderingKey,
        event: EventId,
        request: ParkedRequest,
        reason: &str,
    ) -> bool {
        let keys = &mut self.parked;
        let is_asked = |parked: &ParkedKey| {
            parked.subscription == subscription
                && parked.key == *key
                && parked.event.id == event
                && parked.requested.is_none()
        };
        let mut stored = keys.keys.values_mut();
        let Some(stored) = stored.find(|stored| is_asked(&stored.parked)) else {
            return false;
        };
        let verb = match &request {
            ParkedRequest::Redrive => "request_redrive",
            ParkedRequest::Discard { .. } => "request_discard",
        };
        keys.requests += 1;
        stored.request = keys.requests;
        stored.parked.requested = Some(request);
        let operation = NewOperation::on(subscription, verb, reason).with("key", key.to_string());
        self.record(operation.with("event_id", event.to_string()));
        true
    }

    /// Asks the runners of a subscription to wait or to go on, and fences them.
    fn ask(
        &mut self,
        subscription: &str,
        requested: Requested,
        verb: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        check_reason(reason)?;
        let all = self.checkpoints.iter_mut();
        let mut own = all.filter(|((of, _), _)| of == subscription).peekable();
        if own.peek().is_none() {
            return Err(never_started(subscription));
        }
        for (_, claim) in own {
            claim.epoch += 1;
            claim.requested = requested;
        }
        self.record(NewOperation::on(subscription, verb, reason));
        Ok(())
    }
}
