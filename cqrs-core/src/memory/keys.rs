//! Idempotency keys: what was appended under which, for as long as they are remembered.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use crate::{
    model::{Idempotency, IdempotencyKey, KeyReused},
    ports::{AppendError, Appended, StoreError, StoreErrorKind},
};

#[derive(Debug)]
pub(super) struct Keys {
    pub(super) retention: Duration,
    kept: HashMap<IdempotencyKey, Kept>,
    /// The keys in the order in which they came.
    ages: VecDeque<(Instant, IdempotencyKey)>,
}

#[derive(Debug)]
struct Kept {
    fingerprint: u64,
    appended: Vec<Appended>,
    since: Instant,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            retention: Duration::from_secs(7 * 24 * 60 * 60),
            kept: HashMap::new(),
            ages: VecDeque::new(),
        }
    }
}

impl Keys {
    /// What was appended under a key that is still remembered.
    pub(super) fn get(
        &self,
        idempotency: &Idempotency,
    ) -> Result<Option<Vec<Appended>>, AppendError> {
        let kept = self.kept.get(&idempotency.key);
        kept.filter(|kept| kept.since.elapsed() < self.retention)
            .map(|kept| answer(kept.fingerprint, &kept.appended, idempotency))
            .transpose()
    }

    pub(super) fn insert(&mut self, idempotency: Idempotency, appended: Vec<Appended>) {
        self.forget();
        let since = Instant::now();
        self.ages.push_back((since, idempotency.key.clone()));
        let kept = Kept {
            fingerprint: idempotency.fingerprint,
            appended,
            since,
        };
        self.kept.insert(idempotency.key, kept);
    }

    fn forget(&mut self) {
        while let Some((since, _)) = self.ages.front()
            && since.elapsed() >= self.retention
            && let Some((since, key)) = self.ages.pop_front()
        {
            // The key may have come again since.
            if self.kept.get(&key).is_some_and(|kept| kept.since == since) {
                self.kept.remove(&key);
            }
        }
    }
}

/// The answer to a repeat, or the refusal of another command under the same key.
pub(super) fn answer(
    fingerprint: u64,
    appended: &[Appended],
    idempotency: &Idempotency,
) -> Result<Vec<Appended>, AppendError> {
    if fingerprint != idempotency.fingerprint {
        let key = idempotency.key.clone();
        return Err(KeyReused { key }.into());
    }
    let repeated = appended.iter().cloned().map(|one| Appended {
        repeated: true,
        ..one
    });
    Ok(repeated.collect())
}

/// Two transactions used a key at once: the one that commits later may ask again.
pub(super) fn taken(key: &IdempotencyKey) -> StoreError {
    let key = key.as_str();
    let message = format!("idempotency key {key:?} was used by another writer just now; try again");
    StoreError::new(StoreErrorKind::Unavailable, message)
}
