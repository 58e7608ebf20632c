//! When snapshots are taken, and how a load uses them.
//!
//! **Invariant**: a snapshot saves time and never decides what the state is. It counts only if its fingerprint and checksum
//! are right, it can be decoded, and the stream has the event it stands on where it stands. In any other case everything
//! is replayed.

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Serialize, de::DeserializeOwned};
use tokio::sync::Semaphore;

use super::Loaded;
use crate::{
    model::{StreamId, Version, fnv1a},
    ports::{PastEvent, Snapshot, Snapshots, StoreError},
    roles::Aggregate,
};

/// How many snapshots are on their way at once. When so many are, the next is left out: a later one will do.
const ON_THEIR_WAY: usize = 4;

/// When snapshots are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotPolicy {
    every: Option<u64>,
    version: u32,
}

impl SnapshotPolicy {
    /// Whenever a stream passes a multiple of `events`, by a command or in a load beyond its last snapshot. At least 1.
    #[must_use]
    pub fn every(events: u64) -> Self {
        Self {
            every: Some(events.max(1)),
            version: 1,
        }
    }

    /// Only by [`Repository::take_snapshot`](super::Repository::take_snapshot).
    #[must_use]
    pub fn on_demand() -> Self {
        Self {
            every: None,
            version: 1,
        }
    }

    /// The version of what `apply` makes of events. Raise it when the same events make another state of the same shape;
    /// a change of the shape is seen without it.
    #[must_use]
    pub fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Whether a state that went from one version to another has crossed the next mark.
    fn is_due(self, from: Version, to: Version) -> bool {
        self.every
            .is_some_and(|every| to.get() / every > from.get() / every)
    }
}

/// What a repository with snapshots does. Apart from it, because only this needs a state that can be written and read.
#[async_trait]
pub(super) trait Keep<A>: Send + Sync {
    /// The aggregate as it is now, by way of its snapshot.
    async fn load(&self, stream: &StreamId) -> Result<Loaded<A>, StoreError>;

    /// Takes a snapshot if it is time for one. The caller does not wait for it.
    fn note(&self, stream: &StreamId, from: Version, loaded: &Loaded<A>);

    /// Takes a snapshot now.
    async fn take(&self, stream: &StreamId, loaded: &Loaded<A>) -> Result<(), StoreError>;
}

pub(super) struct Keeper<S> {
    store: S,
    policy: SnapshotPolicy,
    fingerprint: u64,
    on_their_way: Arc<Semaphore>,
}

impl<S: Snapshots> Keeper<S> {
    pub(super) fn new<A: DeserializeOwned>(store: S, policy: SnapshotPolicy) -> Self {
        let shape = cqrs_shape::fingerprint::<A>().to_be_bytes().into_iter();
        let fingerprint = fnv1a(shape.chain(policy.version.to_be_bytes()));
        Self {
            store,
            policy,
            fingerprint,
            on_their_way: Arc::new(Semaphore::new(ON_THEIR_WAY)),
        }
    }

    /// The snapshot of a state. None before the first event, or of a state that is no JSON (a map whose keys are
    /// structs): that one is always replayed.
    fn snapshot<A: Serialize>(&self, stream: &StreamId, loaded: &Loaded<A>) -> Option<Snapshot> {
        let last_event = loaded.last_event?;
        let payload = match serde_json::to_vec(&loaded.state) {
            Ok(payload) => payload,
            Err(error) => {
                tracing::warn!(%stream, %error, "no snapshot can be taken: the state is not JSON");
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

    /// The state that a snapshot holds, if it is whole.
    fn open<A: DeserializeOwned>(&self, snapshot: &Snapshot) -> Option<Loaded<A>> {
        let whole =
            snapshot.fingerprint == self.fingerprint && snapshot.checksum == checksum(snapshot);
        let state = whole.then(|| serde_json::from_slice(&snapshot.payload));
        Some(Loaded {
            state: state?.ok()?,
            version: snapshot.version,
            last_event: Some(snapshot.last_event),
        })
    }

    /// The state by way of a snapshot, or nothing if it does not belong to these events.
    fn rebuild<A: Aggregate + DeserializeOwned>(
        &self,
        stream: &StreamId,
        snapshot: &Snapshot,
        events: Vec<PastEvent>,
    ) -> Result<Option<Loaded<A>>, StoreError> {
        match self.open(snapshot) {
            Some(saved) => saved.confirmed(stream, events),
            None => Ok(None),
        }
    }
}

/// Of the state, and of the event it stands on: a row of which only one was changed is not whole.
pub(super) fn checksum(snapshot: &Snapshot) -> u64 {
    let version = snapshot.version.get().to_be_bytes().into_iter();
    let last_event = snapshot.last_event.as_uuid().into_bytes();
    let payload = snapshot.payload.iter().copied();
    fnv1a(version.chain(last_event).chain(payload))
}

#[async_trait]
impl<A, S> Keep<A> for Keeper<S>
where
    A: Aggregate + Serialize + DeserializeOwned,
    S: Snapshots,
{
    async fn load(&self, stream: &StreamId) -> Result<Loaded<A>, StoreError> {
        let (snapshot, events) = self
            .store
            .replay_from_snapshot(stream, self.fingerprint)
            .await?;
        let (saved, loaded) = match snapshot {
            None => (Version::EMPTY, Loaded::default().catch_up(stream, events)?),
            Some(snapshot) => match self.rebuild(stream, &snapshot, events)? {
                Some(loaded) => (snapshot.version, loaded),
                None => {
                    let events = self.store.replay(stream, Version::EMPTY).await?;
                    (Version::EMPTY, Loaded::default().catch_up(stream, events)?)
                }
            },
        };
        self.note(stream, saved, &loaded);
        Ok(loaded)
    }

    fn note(&self, stream: &StreamId, from: Version, loaded: &Loaded<A>) {
        if !self.policy.is_due(from, loaded.version) {
            return;
        }
        let Ok(permit) = Arc::clone(&self.on_their_way).try_acquire_owned() else {
            return;
        };
        let Some(snapshot) = self.snapshot(stream, loaded) else {
            return;
        };
        let store = self.store.clone();
        tokio::spawn(async move {
            let stream = snapshot.stream.clone();
            if let Err(error) = store.save_snapshot(snapshot).await {
                tracing::warn!(%stream, %error, "a snapshot was not saved; the next load replays more");
            }
            drop(permit);
        });
    }

    async fn take(&self, stream: &StreamId, loaded: &Loaded<A>) -> Result<(), StoreError> {
        match self.snapshot(stream, loaded) {
            Some(snapshot) => self.store.save_snapshot(snapshot).await,
            None => Ok(()),
        }
    }
}
