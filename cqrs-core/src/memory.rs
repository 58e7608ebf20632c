//! The store in memory: for tests and first runs. It is the shortest correct adapter: read it before you write one.
//!
//! A transaction is a set of staged writes and of guards. Nothing is locked between two calls. Commit checks the guards
//! again under one lock; then all writes become visible, or none.

mod keys;
mod ports;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, SystemTime},
};

use tokio::sync::Notify;

use self::keys::Keys;
use crate::{
    model::{
        Checkpoint, Claim, Conflict, EventId, ExpectedVersion, Idempotency, Lane, PartitionId,
        Position, RecordedEvent, StreamId, Version,
    },
    ports::{
        Append, AppendError, Appended, Appends, CommitError, Discarded, DocumentConflict, Fenced,
        LookupError, Snapshot,
    },
};

/// A store in memory. A clone is a handle to the same store; the data is lost with the last handle.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(Debug, Default)] struct Account { cents: u64 }
/// # impl Aggregate for Account {
/// #     type Command = u64; type Event = AccountEvent; type Error = std::convert::Infallible;
/// #     fn handle(&self, cents: u64, _: &Context) -> Decision<Self> { Ok(vec![AccountEvent::Deposited { cents }]) }
/// #     fn apply(&mut self, AccountEvent::Deposited { cents }: AccountEvent) { self.cents += cents }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = MemoryEventStore::default();
/// let accounts = Repository::<Account, _>::new(store.clone());
/// accounts.execute("ann", 500).await?;
/// assert_eq!(store.last_position().await?, Position::new(1));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default)]
pub struct MemoryEventStore(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    appended: Notify,
}

impl MemoryEventStore {
    /// Sets how long idempotency keys are kept; seven days by default.
    #[must_use]
    pub fn idempotency_retention(self, retention: Duration) -> Self {
        self.state().keys.retention = retention;
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0
            .state
            .lock()
            .expect("no call panics while it holds the lock")
    }
}

type Subscribed = (String, PartitionId);
type DocumentKey = (String, String);

/// The committed data.
#[derive(Debug, Default)]
struct State {
    /// The log. The event at index n has position n + 1.
    log: Vec<RecordedEvent>,
    /// The events of each stream, as indexes into the log.
    streams: HashMap<StreamId, Vec<usize>>,
    checkpoints: HashMap<Subscribed, Claim>,
    inbox: HashMap<Subscribed, BTreeMap<Lane, Position>>,
    documents: BTreeMap<DocumentKey, (u64, Vec<u8>)>,
    /// Counts document writes; the source of document versions. A document that is removed and written again therefore
    /// never gets a version that it had before.
    document_writes: u64,
    keys: Keys,
    snapshots: HashMap<StreamId, Snapshot>,
    discarded: Vec<Discarded>,
}

impl State {
    fn version(&self, stream: &StreamId) -> Version {
        Version::new(
            self.streams
                .get(stream)
                .map_or(0, |events| events.len() as u64),
        )
    }

    /// The events of a stream after version `after`, in order.
    fn history(&self, stream: &StreamId, after: Version) -> impl Iterator<Item = &RecordedEvent> {
        let skip = usize::try_from(after.get()).unwrap_or(usize::MAX);
        let indexes = self.streams.get(stream).into_iter().flatten().skip(skip);
        indexes.map(|index| &self.log[*index])
    }

    fn last(&self, stream: &StreamId) -> Option<EventId> {
        let index = self.streams.get(stream)?.last()?;
        Some(self.log[*index].id)
    }

    /// Fills in the position of the append's last event.
    fn locate(&self, appended: &mut Appended) {
        if appended.version == appended.before {
            return;
        }
        let index = usize::try_from(appended.version.get() - 1).unwrap_or(usize::MAX);
        let events = self.streams.get(&appended.stream);
        appended.position = events
            .and_then(|events| events.get(index))
            .map(|index| self.log[*index].position);
    }

    fn document_version(&self, key: &DocumentKey) -> u64 {
        self.documents.get(key).map_or(0, |(version, _)| *version)
    }
}

/// Staged writes, and the guards that must still hold at commit.
#[derive(Debug, Default)]
pub struct MemoryTransaction {
    /// Streams: the expected version, and the version that was read.
    guards: BTreeMap<StreamId, (ExpectedVersion, Version)>,
    /// Claims that must still be valid, and the new checkpoint of each.
    checkpoints: Vec<(Subscribed, Claim, Checkpoint)>,
    /// Documents: the version that was read, and the new content.
    documents: BTreeMap<DocumentKey, (u64, Option<Vec<u8>>)>,
    events: Vec<RecordedEvent>,
    /// Idempotency keys that must still be unused, and the appends under them.
    keys: Vec<(Idempotency, Vec<Appended>)>,
    inbox: Vec<(Subscribed, Vec<(Lane, Position)>)>,
    discarded: Vec<Discarded>,
    reset_subscriptions: HashSet<String>,
    cleared_views: HashSet<String>,
}

impl MemoryTransaction {
    /// The version and last event of a stream, with this transaction's staged events.
    fn head(&self, state: &State, stream: &StreamId) -> (Version, Option<EventId>) {
        let mut staged = self.events.iter().filter(|event| event.stream == *stream);
        let last = staged.next_back();
        let count = staged.count() + usize::from(last.is_some());
        let last = last.map_or_else(|| state.last(stream), |event| Some(event.id));
        (state.version(stream).plus(count as u64), last)
    }

    /// Stages appends, or returns what was appended earlier under their key. Positions are assigned at commit.
    fn stage_all(
        &mut self,
        state: &State,
        Appends {
            streams,
            idempotency,
        }: Appends,
    ) -> Result<Vec<Appended>, AppendError> {
        if streams.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(idempotency) = &idempotency
            && let Some(appended) = self.appended_under(state, idempotency)?
        {
            return Ok(appended);
        }
        for append in &streams {
            self.check(state, append)?;
        }
        let appended: Vec<_> = streams
            .into_iter()
            .map(|append| self.stage(state, append))
            .collect();
        if let Some(idempotency) = idempotency {
            self.keys.push((idempotency, appended.clone()));
        }
        Ok(appended)
    }

    /// The appends under a key, by this transaction or an earlier one.
    fn appended_under(
        &self,
        state: &State,
        idempotency: &Idempotency,
    ) -> Result<Option<Vec<Appended>>, LookupError> {
        let staged = self
            .keys
            .iter()
            .find(|(staged, _)| staged.key == idempotency.key);
        match staged {
            Some((staged, appended)) => Ok(Some(keys::repeat(
                staged.fingerprint,
                appended,
                idempotency,
            )?)),
            None => Ok(state.keys.get(idempotency)?),
        }
    }

    fn check(&self, state: &State, append: &Append) -> Result<(), Conflict> {
        let (actual, last) = self.head(state, &append.stream);
        if append.expected.allows(actual, last) {
            return Ok(());
        }
        Err(Conflict {
            stream: append.stream.clone(),
            expected: append.expected,
            actual,
        })
    }

    /// Stages an append whose expected version was checked.
    fn stage(
        &mut self,
        state: &State,
        Append {
            stream,
            expected,
            events,
        }: Append,
    ) -> Appended {
        let (before, _) = self.head(state, &stream);
        self.guards
            .entry(stream.clone())
            .or_insert((expected, state.version(&stream)));
        let mut version = before;
        for event in events {
            version = version.plus(1);
            let recorded = RecordedEvent::new(
                event.id,
                stream.clone(),
                version,
                Position::START,
                event.event_type,
                event.payload,
                SystemTime::now(),
            );
            self.events.push(recorded.metadata(event.metadata));
        }
        Appended {
            stream,
            before,
            version,
            position: None,
            repeated: false,
        }
    }

    /// Checks that every guard of the transaction still holds.
    fn check_guards(&self, state: &State) -> Result<(), CommitError> {
        for (subscribed, claim, _) in &self.checkpoints {
            if state.checkpoints.get(subscribed) != Some(claim) {
                let (subscription, partition) = subscribed.clone();
                return Err(Fenced::new(subscription, partition).into());
            }
        }
        for (stream, (expected, read)) in &self.guards {
            let actual = state.version(stream);
            if actual != *read {
                return Err(Conflict {
                    stream: stream.clone(),
                    expected: *expected,
                    actual,
                }
                .into());
            }
        }
        for (idempotency, _) in &self.keys {
            if state.keys.get(idempotency)?.is_some() {
                return Err(keys::used_concurrently(&idempotency.key).into());
            }
        }
        for (key, (read, _)) in &self.documents {
            if state.document_version(key) != *read {
                let (view, key) = key.clone();
                return Err(DocumentConflict::new(view, key).into());
            }
        }
        Ok(())
    }

    /// Makes every staged write visible. Cannot fail.
    fn apply(self, state: &mut State) {
        for (subscribed, claim, to) in self.checkpoints {
            let moved = Claim::new(claim.epoch, Some(to));
            state.checkpoints.insert(subscribed, moved);
        }
        state.discarded.extend(self.discarded);
        for (subscribed, received) in self.inbox {
            state.inbox.entry(subscribed).or_default().extend(received);
        }
        for (key, (_, body)) in self.documents {
            state.document_writes += 1;
            match body {
                Some(body) => state.documents.insert(key, (state.document_writes, body)),
                None => state.documents.remove(&key),
            };
        }
        for mut event in self.events {
            let index = state.log.len();
            event.position = Position::new(index as u64 + 1);
            state
                .streams
                .entry(event.stream.clone())
                .or_default()
                .push(index);
            state.log.push(event);
        }
        for (idempotency, mut appended) in self.keys {
            appended.iter_mut().for_each(|one| state.locate(one));
            state.keys.insert(idempotency, appended);
        }
        for ((subscription, _), claim) in &mut state.checkpoints {
            if self.reset_subscriptions.contains(subscription) {
                *claim = Claim {
                    epoch: claim.epoch + 1,
                    at: None,
                };
            }
        }
        state
            .inbox
            .retain(|(subscription, _), _| !self.reset_subscriptions.contains(subscription));
        state
            .documents
            .retain(|(view, _), _| !self.cleared_views.contains(view));
    }
}

#[cfg(test)]
mod tests;
