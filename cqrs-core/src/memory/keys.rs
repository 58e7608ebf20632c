//! Idempotency keys and the appends under them, until their retention ends.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use crate::{
    model::{Idempotency, IdempotencyKey, KeyReused},
    ports::{Appended, StoreError, StoreErrorKind},
};

#[derive(Debug)]
pub(super) struct Keys {
    pub(super) retention: Duration,
    entries: HashMap<IdempotencyKey, Entry>,
    /// The keys, oldest first.
    ages: VecDeque<(Instant, IdempotencyKey)>,
}

#[derive(Debug)]
struct Entry {
    fingerprint: u64,
    appended: Vec<Appended>,
    since: Instant,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(7 * 24 * 60 * 60),
            entries: HashMap::new(),
            ages: VecDeque::new(),
        }
    }
}

impl Keys {
    /// The appends under a key that has not expired.
    pub(super) fn get(
        &self,
        idempotency: &Idempotency,
    ) -> Result<Option<Vec<Appended>>, KeyReused> {
        let entry = self.entries.get(&idempotency.key);
        entry
            .filter(|entry| entry.since.elapsed() < self.retention)
            .map(|entry| repeat(entry.fingerprint, &entry.appended, idempotency))
            .transpose()
    }

    pub(super) fn insert(&mut self, idempotency: Idempotency, appended: Vec<Appended>) {
        self.remove_expired();
        let since = Instant::now();
        self.ages.push_back((since, idempotency.key.clone()));
        let entry = Entry {
            fingerprint: idempotency.fingerprint,
            appended,
            since,
        };
        self.entries.insert(idempotency.key, entry);
    }

    fn remove_expired(&mut self) {
        while let Some((since, _)) = self.ages.front()
            && since.elapsed() >= self.retention
            && let Some((since, key)) = self.ages.pop_front()
        {
            // The key may have been inserted again since.
            if self
                .entries
                .get(&key)
                .is_some_and(|entry| entry.since == since)
            {
                self.entries.remove(&key);
            }
        }
    }
}

/// The result of a repeat, or an error if the key was used for another command.
pub(super) fn repeat(
    fingerprint: u64,
    appended: &[Appended],
    idempotency: &Idempotency,
) -> Result<Vec<Appended>, KeyReused> {
    if fingerprint != idempotency.fingerprint {
        let key = idempotency.key.clone();
        return Err(KeyReused { key });
    }
    let repeated = appended.iter().cloned().map(|one| Appended {
        repeated: true,
        ..one
    });
    Ok(repeated.collect())
}

/// The error of the later of two concurrent transactions with the same key. The caller may retry.
pub(super) fn used_concurrently(key: &IdempotencyKey) -> StoreError {
    let key = key.as_str();
    let message = format!("idempotency key {key:?} was just used by another writer; try again");
    StoreError::new(StoreErrorKind::Unavailable, message)
}
