//! The port of changes by hand.

use super::{MemoryEventStore, State, leases::Leases, operations::NewOperation, parked::id_of};
use crate::{
    model::{Requested, Slices},
    ports::{
        Control, ParkedKey, ParkedRequest, RepartitionError, StoreError, check_reason,
        never_started, still_runs, unknown_relay,
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

    async fn redrive(&self, parked: &ParkedKey, reason: &str) -> Result<bool, StoreError> {
        check_reason(reason)?;
        let mut state = self.state();
        Ok(state.request(parked, ParkedRequest::Redrive, reason))
    }

    async fn discard(&self, parked: &ParkedKey, reason: &str) -> Result<bool, StoreError> {
        check_reason(reason)?;
        let request = ParkedRequest::Discard {
            reason: reason.to_owned(),
        };
        let mut state = self.state();
        Ok(state.request(parked, request, reason))
    }

    async fn pause(&self, subscription: &str, reason: &str) -> Result<(), StoreError> {
        let mut state = self.state();
        state.ask(subscription, Requested::Pause, "pause", reason)
    }

    async fn resume(&self, subscription: &str, reason: &str) -> Result<(), StoreError> {
        let mut state = self.state();
        state.ask(subscription, Requested::Run, "resume", reason)
    }

    async fn remove(&self, subscription: &str, reason: &str) -> Result<(), StoreError> {
        self.state().remove(subscription, reason)
    }

    async fn remove_relay(&self, relay: &str, reason: &str) -> Result<(), StoreError> {
        check_reason(reason)?;
        let mut state = self.state();
        let leases = state.relays.get(relay);
        let leases = leases.ok_or_else(|| unknown_relay(relay))?;
        if let Some(process) = leases.a_living_member() {
            return Err(still_runs(relay, process));
        }
        state.relays.remove(relay);
        state.record(NewOperation::new("remove_relay", reason).with("relay", relay));
        Ok(())
    }
}

impl State {
    /// Asks the owner of a parked key, if this event is in front and nothing is requested.
    fn request(&mut self, parked: &ParkedKey, request: ParkedRequest, reason: &str) -> bool {
        let keys = &mut self.parked;
        let is_seen =
            |found: &ParkedKey| found.event.id == parked.event.id && found.requested.is_none();
        let stored = keys.keys.get_mut(&id_of(parked));
        let Some(stored) = stored.filter(|stored| is_seen(&stored.parked)) else {
            return false;
        };
        let verb = match &request {
            ParkedRequest::Redrive => "request_redrive",
            ParkedRequest::Discard { .. } => "request_discard",
        };
        keys.requests += 1;
        stored.request = keys.requests;
        stored.parked.requested = Some(request);
        let operation = NewOperation::on(&parked.subscription, verb, reason);
        let operation = operation.with("key", parked.key.to_string());
        let operation = match &parked.topic {
            Some(partition) => operation.with("partition", partition.to_string()),
            None => operation,
        };
        self.record(operation.with("event_id", parked.event.id.to_string()));
        true
    }

    fn remove(&mut self, subscription: &str, reason: &str) -> Result<(), StoreError> {
        check_reason(reason)?;
        let mut all = self.checkpoints.keys();
        if !all.any(|(of, _)| of == subscription) {
            return Err(never_started(subscription));
        }
        let leases = self.leases.get(subscription);
        if let Some(process) = leases.and_then(Leases::a_living_member) {
            return Err(still_runs(subscription, process));
        }
        self.leases.remove(subscription);
        self.checkpoints.retain(|(of, _), _| of != subscription);
        self.moved.retain(|(of, _), _| of != subscription);
        self.selections.retain(|(of, _), _| of != subscription);
        self.inbox.retain(|(of, _), _| of != subscription);
        self.parked.keys.retain(|(of, ..), _| of != subscription);
        self.parked.waiting.retain(|(of, ..), _| of != subscription);
        self.record(NewOperation::on(subscription, "remove", reason));
        Ok(())
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
