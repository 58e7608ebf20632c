//! What of a subscription is parked: in groups of one cause, to redrive or to discard.

use std::{collections::BTreeMap, fmt};

use crate::{
    model::{Fingerprint, OrderingKey, Position},
    ports::{Control, LogQuery, ParkedKey, Parking, StoreError},
};

/// The parked keys of a subscription.
///
/// Everything here only asks: the runner of the subscription redrives and discards between two of its batches, within a quarter of a
/// second. A key that fails again stays parked, with the new reason, and is no longer requested.
///
/// ```
/// # use cqrs_core::{MemoryEventStore, StoreError, read::ParkedKeys};
/// # async fn after_the_fix(store: MemoryEventStore) -> Result<(), StoreError> {
/// let parked = ParkedKeys::new(&store, "balances");
/// for group in parked.groups().await? {
///     println!("{group}"); // 12 streams, 840 events wait: Deposited: missing field `cents`
///     parked.redrive_one(group.fingerprint, "a canary").await?; // the canary: the oldest one
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ParkedKeys<S> {
    store: S,
    subscription: String,
}

/// The parked keys whose events failed for one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParkedGroup {
    /// What they have in common.
    pub fingerprint: Fingerprint,
    /// How many events wait, with those in front. Of a key that is not a stream only the one in front is counted.
    pub events: u64,
    /// The keys, in the order of the events in front. There is at least one.
    pub keys: Vec<ParkedKey>,
}

/// `12 streams, 840 events wait: Deposited: missing field ..`, with the reason of the oldest one.
impl fmt::Display for ParkedGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.keys.len();
        let are_streams = self.keys.iter().all(|parked| parked.key.stream().is_some());
        let what = if are_streams { "stream" } else { "key" };
        let at_least = if are_streams { "" } else { "at least " };
        let (s, event_s) = (plural(count as u64), plural(self.events));
        let waits = if self.events == 1 { "s" } else { "" };
        let events = self.events;
        write!(
            f,
            "{count} {what}{s}, {at_least}{events} event{event_s} wait{waits}"
        )?;
        match self.keys.first() {
            Some(oldest) => write!(f, ": {}: {}", oldest.event.event_type, oldest.reason),
            None => Ok(()),
        }
    }
}

const fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

impl<S: Parking> ParkedKeys<S> {
    /// What is parked of this subscription: of a view, a reactor or a projection, by its name.
    #[must_use]
    pub fn new(store: &S, subscription: &str) -> Self {
        Self {
            store: store.clone(),
            subscription: subscription.to_owned(),
        }
    }

    /// All parked keys, in the order of the events in front.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn all(&self) -> Result<Vec<ParkedKey>, StoreError> {
        self.store.parked(&self.subscription).await
    }

    /// The parked keys in groups of one cause; the one with the oldest event first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn groups(&self) -> Result<Vec<ParkedGroup>, StoreError> {
        let mut groups: BTreeMap<Fingerprint, ParkedGroup> = BTreeMap::new();
        for parked in self.all().await? {
            let fingerprint = parked.fingerprint;
            let waiting = self.store.waiting(&parked).await?;
            let group = groups.entry(fingerprint).or_insert(ParkedGroup {
                fingerprint,
                events: 0,
                keys: Vec::new(),
            });
            group.events += waiting;
            group.keys.push(parked);
        }
        let mut groups = Vec::from_iter(groups.into_values());
        groups.sort_by_key(|group| group.keys.first().map(|parked| parked.event.position));
        Ok(groups)
    }

    /// The key under which the event at a position waits; `None` if it does not wait. Ask after the subscription has passed the position.
    pub(crate) async fn holding(
        &self,
        position: Position,
    ) -> Result<Option<ParkedKey>, StoreError> {
        let mut parked = self.all().await?;
        parked.retain(|parked| parked.event.position <= position);
        if parked.is_empty() {
            return Ok(None);
        }
        let before = Position::new(position.get().saturating_sub(1));
        let query = LogQuery::new(before, 1).upto(position);
        let page = self.store.read_log(query).await?;
        let Some(event) = page.events.into_iter().next() else {
            return Ok(None);
        };
        let is_of = |parked: &ParkedKey| match parked.key.stream() {
            Some(stream) => *stream == event.stream,
            None => parked.event.id == event.id,
        };
        Ok(parked.into_iter().find(is_of))
    }
}

impl<S: Control> ParkedKeys<S> {
    /// Asks for the redrive of the oldest key of a group: a canary. Returns it; `None` if there is none that nothing is requested for.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::StoreErrorKind::InvalidInput) when the reason is empty. When the store fails.
    pub async fn redrive_one(
        &self,
        group: Fingerprint,
        reason: &str,
    ) -> Result<Option<OrderingKey>, StoreError> {
        for parked in self.of(group).await? {
            if self.redrive_key(&parked, reason).await? {
                return Ok(Some(parked.key));
            }
        }
        Ok(None)
    }

    /// Asks for the redrive of all keys of a group, each in order. Returns how many.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::StoreErrorKind::InvalidInput) when the reason is empty. When the store fails. Some keys may be asked for then.
    pub async fn redrive(&self, group: Fingerprint, reason: &str) -> Result<u64, StoreError> {
        let mut asked = 0;
        for parked in self.of(group).await? {
            asked += u64::from(self.redrive_key(&parked, reason).await?);
        }
        Ok(asked)
    }

    /// Asks for the redrive of one key. `false`: it is not parked any more, another event is in front of it now, or something is
    /// requested already.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::StoreErrorKind::InvalidInput) when the reason is empty. When the store fails.
    pub async fn redrive_key(&self, parked: &ParkedKey, reason: &str) -> Result<bool, StoreError> {
        self.store.redrive(parked, reason).await
    }

    /// Asks for the event in front of a key to be passed over for good; what waits behind it is handled then. The store keeps the event's
    /// identity and the reason. `false`: as [`redrive_key`](Self::redrive_key). So only an event that you have seen is discarded.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::StoreErrorKind::InvalidInput) when the reason is empty. When the store fails.
    pub async fn discard(&self, parked: &ParkedKey, reason: &str) -> Result<bool, StoreError> {
        self.store.discard(parked, reason).await
    }

    async fn of(&self, group: Fingerprint) -> Result<Vec<ParkedKey>, StoreError> {
        let mut parked = self.all().await?;
        parked.retain(|parked| parked.fingerprint == group);
        Ok(parked)
    }
}
