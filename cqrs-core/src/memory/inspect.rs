//! The port that asks what the read side does.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use super::{MemoryEventStore, State, Subscribed, parked::StoredKey, relays::ALL};
use crate::{
    model::{Claim, Fingerprint, PartitionId, PartitionedBy, RecordedEvent, Requested, Slices},
    ports::{
        COUNTED_LAG, Inspect, Lag, Operation, Overview, ParkedSummary, PartitionInfo,
        PartitionState, RelayInfo, StoreError, SubscriptionInfo,
    },
};

impl Inspect for MemoryEventStore {
    async fn overview(&self) -> Result<Overview, StoreError> {
        let state = self.state();
        let names = state.checkpoints.keys().map(|(name, _)| name);
        let names = BTreeSet::from_iter(names);
        let subscriptions = names.into_iter().map(|name| state.subscription(name));
        let overview = Overview::new(subscriptions.collect());
        let mut relays = Vec::from_iter(state.relays.iter().map(|(name, leases)| {
            let (owner, _) = leases.owner(&ALL);
            RelayInfo::new(name, owner, leases.owned_for(&ALL))
        }));
        relays.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(overview.relays(relays))
    }

    async fn operations(
        &self,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Operation>, StoreError> {
        let state = self.state();
        let newest = state.operations.iter().rev();
        let older = newest.filter(|found| before.is_none_or(|before| found.id < before));
        Ok(older.take(limit).cloned().collect())
    }
}

impl State {
    fn subscription(&self, name: &str) -> SubscriptionInfo {
        let own = self.checkpoints.iter().filter(|((of, _), _)| of == name);
        let mut partitions = Vec::from_iter(own.map(|(of, claim)| self.partition(of, claim)));
        partitions.sort_by(|one, other| one.partition.cmp(&other.partition));
        let mut subscription = SubscriptionInfo::new(name);
        subscription.partitions = partitions;
        subscription.parked = self.parked_groups(name);
        subscription
    }

    fn partition(&self, subscribed: &Subscribed, claim: &Claim) -> PartitionInfo {
        let (name, partition) = subscribed;
        let moved = self.moved.get(subscribed);
        let moved = moved.map_or(Duration::ZERO, tokio::time::Instant::elapsed);
        let info = PartitionInfo::new(partition.clone(), claim.at, moved);
        let PartitionId::Log(slices) = partition else {
            return info.state(state(claim, None));
        };
        let leases = self.leases.get(name);
        let (owner, stopped) = leases.map_or((None, None), |leases| leases.owner(partition));
        let since = leases.and_then(|leases| leases.owned_for(partition));
        let lag = self.lag(subscribed, claim, *slices);
        info.state(state(claim, stopped))
            .owned(owner, since)
            .behind(Some(lag))
    }

    fn lag(&self, subscribed: &Subscribed, claim: &Claim, slices: Slices) -> Lag {
        let selection = self.selections.get(subscribed).cloned().unwrap_or_default();
        let at = claim.at.map_or(0, |at| at.offset.get());
        let after = self
            .log
            .iter()
            .skip(usize::try_from(at).unwrap_or(usize::MAX));
        let looked_at = usize::try_from(COUNTED_LAG).unwrap_or(usize::MAX);
        let at_least = after.len() > looked_at;
        // The store does not know the keys of events.
        let by_key = selection.partitioning() == PartitionedBy::OrderingKey;
        let is_behind = |event: &&RecordedEvent| {
            let slice = event.stream.slice();
            let place = claim.place_of(slice).map_or(0, |at| at.offset.get());
            (by_key || slices.contains(slice) && event.position.get() > place)
                && selection.matches(event.stream.category().as_str(), &event.event_type)
        };
        let mut behind = after.take(looked_at).filter(is_behind).peekable();
        let age = behind.peek().map(|first| age(first.recorded_at));
        Lag::new(behind.count() as u64, at_least, age)
    }

    fn parked_groups(&self, subscription: &str) -> Vec<ParkedSummary> {
        let mut groups: BTreeMap<Fingerprint, Vec<&StoredKey>> = BTreeMap::new();
        for stored in self.parked.of(subscription) {
            let group = groups.entry(stored.parked.fingerprint).or_default();
            group.push(stored);
        }
        let mut groups = Vec::from_iter(groups.into_iter().filter_map(|(fingerprint, keys)| {
            let oldest = keys.iter().min_by_key(|key| key.parked.event.position)?;
            let requested = keys.iter().filter(|key| key.parked.requested.is_some());
            let first = keys.iter().map(|key| key.parked.parked_at).min()?;
            let summary = ParkedSummary::new(
                fingerprint,
                keys.len() as u64,
                requested.count() as u64,
                &oldest.parked.event.event_type,
                &oldest.parked.reason,
                age(first),
            );
            Some((oldest.parked.event.position, summary))
        }));
        groups.sort_by_key(|(position, _)| *position);
        groups.into_iter().map(|(_, summary)| summary).collect()
    }
}

fn state(claim: &Claim, stopped: Option<String>) -> PartitionState {
    match (stopped, claim.requested) {
        (Some(reason), _) => PartitionState::Stopped { reason },
        (None, Requested::Pause) => PartitionState::Paused,
        (None, Requested::Run) => PartitionState::Ready,
    }
}

fn age(of: SystemTime) -> Duration {
    of.elapsed().unwrap_or_default()
}
