//! The parked keys, and those that a transaction has changed.

use std::collections::{BTreeMap, HashSet};

use super::{MemoryEventStore, MemoryTransaction, State};
use crate::{
    model::{EventId, OrderingKey, RecordedEvent, Selection, Slices, StreamId, Version},
    ports::{
        EventStore, ParkedKey, ParkedRequest, Parking, StoreError, StoreErrorKind, check_reason,
    },
};

/// By subscription and key.
type Parked = (String, OrderingKey);

/// A parked key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredKey {
    parked: ParkedKey,
    /// The number of the request, for their order.
    request: u64,
}

#[derive(Debug, Default)]
pub(super) struct ParkedKeys {
    keys: BTreeMap<Parked, StoredKey>,
    requests: u64,
}

impl ParkedKeys {
    fn of<'a>(&'a self, subscription: &'a str) -> impl Iterator<Item = &'a StoredKey> {
        let keys = self.keys.values();
        keys.filter(move |stored| stored.parked.subscription == subscription)
    }

    fn within<'a>(
        &'a self,
        subscription: &'a str,
        slices: Slices,
    ) -> impl Iterator<Item = &'a StoredKey> {
        let of_it = self.of(subscription);
        of_it.filter(move |stored| slices.contains(stored.parked.event.stream.slice()))
    }
}

/// The keys that a transaction has changed; `None` for those that it took out.
#[derive(Debug, Default)]
pub(super) struct StagedParking {
    /// Each with what was stored when the transaction changed it first: that must still be there at commit.
    changed: BTreeMap<Parked, (Option<StoredKey>, Option<ParkedKey>)>,
    reset: HashSet<String>,
}

impl StagedParking {
    /// Whether the key is parked, with the changes of this transaction.
    fn is_parked(&self, state: &State, parked: &Parked) -> bool {
        match self.changed.get(parked) {
            Some((_, now)) => now.is_some(),
            None => !self.reset.contains(&parked.0) && state.parked.keys.contains_key(parked),
        }
    }

    fn change(&mut self, state: &State, parked: Parked, now: Option<ParkedKey>) {
        let stored = state.parked.keys.get(&parked).cloned();
        self.changed.entry(parked).or_insert((stored, None)).1 = now;
    }

    fn count(&self, state: &State, subscription: &str) -> usize {
        let stored = state.parked.of(subscription);
        let stored = stored.map(|stored| (subscription.to_owned(), stored.parked.key.clone()));
        let changed = self.changed.keys().filter(|(of, _)| of == subscription);
        let all: HashSet<Parked> = stored.chain(changed.cloned()).collect();
        all.iter().filter(|key| self.is_parked(state, key)).count()
    }

    pub(super) fn reset(&mut self, subscription: &str) {
        self.changed.retain(|(of, _), _| of != subscription);
        self.reset.insert(subscription.to_owned());
    }

    pub(super) fn check_guards(&self, state: &State) -> Result<(), StoreError> {
        let moved = |(parked, (seen, _)): (&Parked, &(Option<StoredKey>, Option<ParkedKey>))| {
            state.parked.keys.get(parked) != seen.as_ref()
        };
        if self.changed.iter().any(moved) {
            let message = "a parked key was changed by somebody else; try again";
            return Err(StoreError::new(StoreErrorKind::Unavailable, message));
        }
        Ok(())
    }

    pub(super) fn apply(self, state: &mut State) {
        let keys = &mut state.parked.keys;
        keys.retain(|(subscription, _), _| !self.reset.contains(subscription));
        for (key, (seen, now)) in self.changed {
            let request = seen.map_or(0, |stored| stored.request);
            match now {
                Some(parked) => keys.insert(key, StoredKey { parked, request }),
                None => keys.remove(&key),
            };
        }
    }
}

impl Parking for MemoryEventStore {
    async fn parked_keys(
        &self,
        subscription: &str,
        slices: Slices,
    ) -> Result<Vec<OrderingKey>, StoreError> {
        let state = self.state();
        let keys = state.parked.within(subscription, slices);
        Ok(keys.map(|stored| stored.parked.key.clone()).collect())
    }

    async fn park_in(
        &self,
        transaction: &mut MemoryTransaction,
        parked: &ParkedKey,
        at_most: u64,
    ) -> Result<bool, StoreError> {
        let state = transaction.store.state();
        let key = (parked.subscription.clone(), parked.key.clone());
        if transaction.parking.is_parked(&state, &key) {
            let message = format!("{} is parked already", parked.key);
            return Err(StoreError::new(StoreErrorKind::Other, message));
        }
        let count = transaction.parking.count(&state, &parked.subscription);
        let parks = (count as u64) < at_most;
        if parks {
            transaction
                .parking
                .change(&state, key, Some(parked.clone()));
        }
        Ok(parks)
    }

    async fn requested(
        &self,
        subscription: &str,
        slices: Slices,
    ) -> Result<Vec<ParkedKey>, StoreError> {
        let state = self.state();
        let keys = state.parked.within(subscription, slices);
        let requested = keys.filter(|stored| stored.parked.requested.is_some());
        let mut requested = Vec::from_iter(requested);
        requested.sort_by_key(|stored| stored.request);
        let parked = requested.into_iter().map(|stored| stored.parked.clone());
        Ok(parked.collect())
    }

    async fn update_parked_in(
        &self,
        transaction: &mut MemoryTransaction,
        parked: &ParkedKey,
    ) -> Result<bool, StoreError> {
        let state = transaction.store.state();
        let key = (parked.subscription.clone(), parked.key.clone());
        let found = transaction.parking.is_parked(&state, &key);
        if found {
            transaction
                .parking
                .change(&state, key, Some(parked.clone()));
        }
        Ok(found)
    }

    async fn unpark_in(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        key: &OrderingKey,
    ) -> Result<bool, StoreError> {
        let state = transaction.store.state();
        let key = (subscription.to_owned(), key.clone());
        let found = transaction.parking.is_parked(&state, &key);
        if found {
            transaction.parking.change(&state, key, None);
        }
        Ok(found)
    }

    async fn parked(&self, subscription: &str) -> Result<Vec<ParkedKey>, StoreError> {
        let state = self.state();
        let keys = state.parked.of(subscription);
        let mut keys = Vec::from_iter(keys.map(|stored| stored.parked.clone()));
        keys.sort_by_key(|parked| parked.event.position);
        Ok(keys)
    }

    async fn request(
        &self,
        subscription: &str,
        key: &OrderingKey,
        event: EventId,
        request: &ParkedRequest,
    ) -> Result<bool, StoreError> {
        if let ParkedRequest::Discard { reason } = request {
            check_reason(reason)?;
        }
        let mut state = self.state();
        let keys = &mut state.parked;
        let parked = (subscription.to_owned(), key.clone());
        let Some(stored) = keys.keys.get_mut(&parked) else {
            return Ok(false);
        };
        if stored.parked.event.id != event || stored.parked.requested.is_some() {
            return Ok(false);
        }
        keys.requests += 1;
        stored.request = keys.requests;
        stored.parked.requested = Some(request.clone());
        Ok(true)
    }

    async fn waiting(&self, parked: &ParkedKey) -> Result<u64, StoreError> {
        let Some(stream) = parked.key.stream() else {
            return Ok(1);
        };
        let state = self.state();
        let (read, selection) = state.has_read(&parked.subscription);
        let after = Version::new(parked.event.version.get().saturating_sub(1));
        let waiting = state.history(stream, after).filter(|event| {
            let category = event.stream.category().as_str();
            event.position.get() <= read && selection.matches(category, &event.event_type)
        });
        Ok(waiting.count() as u64)
    }

    async fn read_stream_page(
        &self,
        stream: &StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let mut events = self.read_stream(stream, after).await?;
        events.truncate(limit);
        Ok(events)
    }
}

impl State {
    /// How far a subscription has read the log, and what it reads of it.
    fn has_read(&self, subscription: &str) -> (u64, Selection) {
        let of_log = self.checkpoints.iter().filter(|((of, partition), _)| {
            of == subscription && matches!(partition, crate::model::PartitionId::Log(_))
        });
        let furthest = of_log.max_by_key(|(_, claim)| claim.at.map(|at| at.offset));
        let Some((subscribed, claim)) = furthest else {
            return (0, Selection::default());
        };
        let selection = self.selections.get(subscribed).cloned();
        let read = claim.at.map_or(0, |at| at.offset.get());
        (read, selection.unwrap_or_default())
    }
}
