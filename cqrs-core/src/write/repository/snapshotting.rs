//! Takes snapshots and loads aggregates from them.
//!
//! **Invariant**: a snapshot never changes the loaded state. It is used only if its fingerprint and checksum match, it can
//! be decoded, and the stream has the snapshot's last event at the snapshot's version. Otherwise all events are replayed.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Semaphore;

use super::Loaded;
use crate::{
    codec,
    model::{Event, StreamId, Version, fnv1a, steps},
    ports::{Snapshot, Snapshots, StoreError},
    roles::Aggregate,
    write::history::History,
};

/// The maximum number of concurrent saves. Beyond it, a due snapshot is skipped; a later one replaces it.
const MAX_SAVES: usize = 4;

/// Determines when snapshots are taken.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(Default, serde::Serialize, serde::Deserialize)] struct Account { cents: u64 }
/// # impl Aggregate for Account {
/// #     type Command = u64; type Event = AccountEvent; type Error = std::convert::Infallible;
/// #     fn handle(&self, cents: u64, _: &Context) -> Decision<Self> { Ok(vec![AccountEvent::Deposited { cents }]) }
/// #     fn apply(&mut self, AccountEvent::Deposited { cents }: AccountEvent) { self.cents += cents }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Raise `version` when `apply` builds another state from the same events.
/// let policy = SnapshotPolicy::every(100).version(2);
/// let accounts = MemoryEventStore::default().repository::<Account>().snapshots(policy);
/// accounts.execute("ann", 500).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotPolicy {
    every: Option<u64>,
    version: u32,
}

impl SnapshotPolicy {
    /// Takes a snapshot when a command or a load moves the version to or past a multiple of `events` (at least 1). A load
    /// counts from its snapshot, or from the beginning without one.
    #[must_use]
    pub fn every(events: u64) -> Self {
        Self {
            every: Some(events.max(1)),
            version: 1,
        }
    }

    /// Takes snapshots only in [`Repository::take_snapshot`](super::Repository::take_snapshot).
    #[must_use]
    pub fn on_demand() -> Self {
        Self {
            every: None,
            version: 1,
        }
    }

    /// Sets the version of `apply`. Raise it when `apply` builds another state of the same shape from the same events, also
    /// because the code of an upcaster has changed. A change of the shape, and a new upcaster, are detected without it.
    #[must_use]
    pub fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Whether a snapshot is due after a state moved from one version to another.
    fn is_due(self, from: Version, to: Version) -> bool {
        self.every
            .is_some_and(|every| to.get() / every > from.get() / every)
    }
}

/// Loads and saves with snapshots. A trait object, because only repositories with snapshots need a serializable state.
#[async_trait]
pub(super) trait Snapshotting<A>: Send + Sync {
    /// The current state, loaded with the help of its snapshot.
    async fn load(&self, stream: &StreamId) -> Result<Loaded<A>, StoreError>;

    /// Saves a snapshot in the background if one is due.
    fn save_if_due(&self, stream: &StreamId, from: Version, loaded: &Loaded<A>);

    /// Saves a snapshot now.
    async fn save(&self, stream: &StreamId, loaded: &Loaded<A>) -> Result<(), StoreError>;
}

pub(super) struct Snapshotter<S> {
    store: S,
    policy: SnapshotPolicy,
    fingerprint: u64,
    saves: Arc<Semaphore>,
}

impl<S: Snapshots> Snapshotter<S> {
    pub(super) fn new<A: Aggregate + DeserializeOwned>(store: S, policy: SnapshotPolicy) -> Self {
        Self {
            store,
            policy,
            fingerprint: fingerprint::<A>(policy),
            saves: Arc::new(Semaphore::new(MAX_SAVES)),
        }
    }

    /// The snapshot of a state. `None` before the first event, and for a state that cannot be written as JSON and read back, such
    /// as a map with structs as keys: that state is always replayed.
    fn snapshot<A: Serialize + DeserializeOwned>(
        &self,
        stream: &StreamId,
        loaded: &Loaded<A>,
    ) -> Option<Snapshot> {
        let last_event = loaded.last_event?;
        let payload = match codec::to_json(&loaded.state) {
            Ok(payload) => payload,
            Err(error) => {
                tracing::warn!(%stream, %error, "no snapshot can be taken: the state cannot be written as JSON and read back");
                return None;
            }
        };
        let mut snapshot = Snapshot {
            stream: stream.clone(),
            version: loaded.version,
            last_event,
            fingerprint: self.fingerprint,
            checksum: 0,
            payload: payload.into(),
        };
        snapshot.checksum = checksum(&snapshot);
        Some(snapshot)
    }

    /// The state in a snapshot, if its fingerprint and checksum match.
    fn decode<A: DeserializeOwned>(&self, snapshot: &Snapshot) -> Option<Loaded<A>> {
        let intact =
            snapshot.fingerprint == self.fingerprint && snapshot.checksum == checksum(snapshot);
        let state = intact.then(|| serde_json::from_slice(&snapshot.payload));
        Some(Loaded {
            state: state?.ok()?,
            version: snapshot.version,
            last_event: Some(snapshot.last_event),
        })
    }

    /// The state from a snapshot and the events after it. `None`: the snapshot does not belong to these events.
    fn rebuild<A: Aggregate + DeserializeOwned>(
        &self,
        stream: &StreamId,
        snapshot: &Snapshot,
        history: History,
    ) -> Result<Option<Loaded<A>>, StoreError> {
        match self.decode(snapshot) {
            Some(saved) => saved.verified_catch_up(stream, history),
            None => Ok(None),
        }
    }
}

/// Identifies how a state was made: its shape, the version of `apply`, and the upcasters of its events.
fn fingerprint<A: Aggregate + DeserializeOwned>(policy: SnapshotPolicy) -> u64 {
    let shape = cqrs_shape::fingerprint::<A>().to_be_bytes().into_iter();
    let upcasters = steps::fingerprint(A::Event::UPCASTERS).map(u64::to_be_bytes);
    let parts = shape.chain(policy.version.to_be_bytes());
    fnv1a(parts.chain(upcasters.into_iter().flatten()))
}

/// The checksum of version, last event and payload: it detects a row in which only some of them were changed.
pub(super) fn checksum(snapshot: &Snapshot) -> u64 {
    let version = snapshot.version.get().to_be_bytes().into_iter();
    let last_event = snapshot.last_event.as_uuid().into_bytes();
    let payload = snapshot.payload.iter().copied();
    fnv1a(version.chain(last_event).chain(payload))
}

#[async_trait]
impl<A, S> Snapshotting<A> for Snapshotter<S>
where
    A: Aggregate + Serialize + DeserializeOwned,
    S: Snapshots,
{
    async fn load(&self, stream: &StreamId) -> Result<Loaded<A>, StoreError> {
        let (snapshot, events) = self
            .store
            .replay_from_snapshot(stream, self.fingerprint)
            .await?;
        let version = snapshot.as_ref().map_or(0, |saved| saved.version.get());
        let after = Version::new(version.saturating_sub(1));
        let history = History::replayed::<A::Event>(&self.store, stream, after, events).await?;
        let (saved, loaded) = match snapshot {
            None => (Version::EMPTY, Loaded::default().catch_up(stream, history)?),
            Some(snapshot) => match self.rebuild(stream, &snapshot, history)? {
                Some(loaded) => (snapshot.version, loaded),
                None => {
                    let history = History::read::<A::Event>(&self.store, stream, Version::EMPTY);
                    let loaded = Loaded::default().catch_up(stream, history.await?)?;
                    (Version::EMPTY, loaded)
                }
            },
        };
        self.save_if_due(stream, saved, &loaded);
        Ok(loaded)
    }

    fn save_if_due(&self, stream: &StreamId, from: Version, loaded: &Loaded<A>) {
        if !self.policy.is_due(from, loaded.version) {
            return;
        }
        let Ok(permit) = Arc::clone(&self.saves).try_acquire_owned() else {
            return;
        };
        let Some(snapshot) = self.snapshot(stream, loaded) else {
            return;
        };
        let store = self.store.clone();
        tokio::spawn(async move {
            let stream = snapshot.stream.clone();
            if let Err(error) = store.save_snapshot(snapshot).await {
                tracing::warn!(%stream, %error, "a snapshot was not saved; the next load replays more events");
            }
            drop(permit);
        });
    }

    async fn save(&self, stream: &StreamId, loaded: &Loaded<A>) -> Result<(), StoreError> {
        match self.snapshot(stream, loaded) {
            Some(snapshot) => self.store.save_snapshot(snapshot).await,
            None => Ok(()),
        }
    }
}
