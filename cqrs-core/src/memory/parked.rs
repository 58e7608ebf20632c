//! The parked keys, and those that a transaction has changed.

use std::collections::{BTreeMap, HashSet};

use super::State;
use crate::{
    model::{OrderingKey, Slices},
    ports::{ParkedKey, StoreError, StoreErrorKind},
};

/// By subscription and key.
pub(super) type Parked = (String, OrderingKey);

/// A parked key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredKey {
    pub(super) parked: ParkedKey,
    /// The number of the request, for their order.
    pub(super) request: u64,
}

#[derive(Debug, Default)]
pub(super) struct ParkedKeys {
    pub(super) keys: BTreeMap<Parked, StoredKey>,
    pub(super) requests: u64,
}

impl ParkedKeys {
    pub(super) fn of<'a>(&'a self, subscription: &'a str) -> impl Iterator<Item = &'a StoredKey> {
        let keys = self.keys.values();
        keys.filter(move |stored| stored.parked.subscription == subscription)
    }

    pub(super) fn within<'a>(
        &'a self,
        subscription: &'a str,
        slices: Slices,
    ) -> impl Iterator<Item = &'a StoredKey> {
        let of_it = self.of(subscription);
        of_it.filter(move |stored| slices.contains(stored.parked.key.slice()))
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
    pub(super) fn is_parked(&self, state: &State, parked: &Parked) -> bool {
        match self.changed.get(parked) {
            Some((_, now)) => now.is_some(),
            None => !self.reset.contains(&parked.0) && state.parked.keys.contains_key(parked),
        }
    }

    pub(super) fn change(&mut self, state: &State, parked: Parked, now: Option<ParkedKey>) {
        let stored = state.parked.keys.get(&parked).cloned();
        self.changed.entry(parked).or_insert((stored, None)).1 = now;
    }

    pub(super) fn count(&self, state: &State, subscription: &str) -> usize {
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
