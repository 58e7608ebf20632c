//! The parked keys, and those that a transaction has changed.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::State;
use crate::{
    model::{OrderingKey, PartitionId},
    ports::{DeadLetter, ParkedKey, StoreError, StoreErrorKind, TopicRecord},
};

/// By subscription, partition of a topic, and key.
pub(super) type Parked = (String, Option<PartitionId>, OrderingKey);

/// How a parked key is found.
pub(super) fn id_of(parked: &ParkedKey) -> Parked {
    let key = parked.key.clone();
    (parked.subscription.clone(), parked.topic.clone(), key)
}

/// A parked key as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredKey {
    pub(super) parked: ParkedKey,
    /// The number of the request, for their order.
    pub(super) request: u64,
}

/// A record that waits.
#[derive(Debug)]
pub(super) struct StoredRecord {
    pub(super) id: u64,
    pub(super) record: TopicRecord,
    pub(super) is_published: bool,
}

#[derive(Debug, Default)]
pub(super) struct ParkedKeys {
    pub(super) keys: BTreeMap<Parked, StoredKey>,
    pub(super) requests: u64,
    /// The records of topics, by what is parked.
    pub(super) waiting: HashMap<Parked, Vec<StoredRecord>>,
    /// How many records have waited: the number of the last one.
    records: u64,
}

impl ParkedKeys {
    /// What is in front of a key, has failed and is not published.
    pub(super) fn dead_letter(&self, stored: &StoredKey) -> Option<DeadLetter> {
        let parked = &stored.parked;
        let front = self.waiting.get(&id_of(parked))?.first()?;
        let is_one = parked.attempts > 0 && !front.is_published;
        is_one.then(|| DeadLetter::new(front.id, parked.clone(), front.record.clone()))
    }

    pub(super) fn published(&mut self, letter: &DeadLetter) {
        let records = self.waiting.get_mut(&id_of(&letter.parked));
        let mut records = records.into_iter().flatten();
        if let Some(record) = records.find(|record| record.id == letter.id) {
            record.is_published = true;
        }
    }

    pub(super) fn of<'a>(&'a self, subscription: &'a str) -> impl Iterator<Item = &'a StoredKey> {
        let keys = self.keys.values();
        keys.filter(move |stored| stored.parked.subscription == subscription)
    }

    pub(super) fn within<'a>(
        &'a self,
        subscription: &'a str,
        partition: &'a PartitionId,
    ) -> impl Iterator<Item = &'a StoredKey> {
        let of_it = self.of(subscription);
        of_it.filter(move |stored| match (&stored.parked.topic, partition) {
            (None, PartitionId::Log(slices)) => slices.contains(stored.parked.key.slice()),
            (Some(topic), partition) => topic == partition,
            (None, PartitionId::Topic { .. }) => false,
        })
    }
}

/// The keys that a transaction has changed; `None` for those that it took out.
#[derive(Debug, Default)]
pub(super) struct StagedParking {
    /// Each with what was stored when the transaction changed it first: that must still be there at commit.
    changed: BTreeMap<Parked, (Option<StoredKey>, Option<ParkedKey>)>,
    waiting: Vec<(Parked, TopicRecord)>,
    /// How many records of a key no longer wait.
    handled: Vec<(Parked, usize)>,
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
        let stored = stored.map(|stored| id_of(&stored.parked));
        let changed = self.changed.keys().filter(|(of, ..)| of == subscription);
        let all: HashSet<Parked> = stored.chain(changed.cloned()).collect();
        all.iter().filter(|key| self.is_parked(state, key)).count()
    }

    pub(super) fn reset(&mut self, subscription: &str) {
        self.changed.retain(|(of, ..), _| of != subscription);
        self.waiting.retain(|((of, ..), _)| of != subscription);
        self.reset.insert(subscription.to_owned());
    }

    /// Unless it waits already: a rewind brings it again.
    pub(super) fn wait(&mut self, state: &State, parked: Parked, record: &TopicRecord) {
        let stored = state.parked.waiting.get(&parked);
        let mut staged = self.waiting.iter();
        let waits = stored
            .is_some_and(|stored| stored.iter().any(|stored| stored.record == *record))
            || staged.any(|(of, staged)| *of == parked && staged == record);
        if !waits {
            self.waiting.push((parked, record.clone()));
        }
    }

    pub(super) fn handled(&mut self, parked: Parked, count: usize) {
        self.handled.push((parked, count));
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
        let waiting = &mut state.parked.waiting;
        keys.retain(|(subscription, ..), _| !self.reset.contains(subscription));
        waiting.retain(|(subscription, ..), _| !self.reset.contains(subscription));
        for (parked, record) in self.waiting {
            state.parked.records += 1;
            waiting.entry(parked).or_default().push(StoredRecord {
                id: state.parked.records,
                record,
                is_published: false,
            });
        }
        for (parked, count) in self.handled {
            let records = waiting.entry(parked).or_default();
            records.drain(..count.min(records.len()));
        }
        for (key, (seen, now)) in self.changed {
            let request = seen.map_or(0, |stored| stored.request);
            let Some(parked) = now else {
                keys.remove(&key);
                waiting.remove(&key);
                continue;
            };
            keys.insert(key, StoredKey { parked, request });
        }
    }
}
