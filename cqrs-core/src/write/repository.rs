//! Loads, decides, appends, and asks again after a conflict.

mod decide;
mod engine;
mod execute;
mod snapshotting;
mod states;

use std::{fmt, sync::Arc};

use serde::{Serialize, de::DeserializeOwned};

pub use self::{
    decide::{ByCommand, ByFunction, Decide},
    execute::Execute,
    snapshotting::SnapshotPolicy,
};
use self::{
    snapshotting::{Keep, Keeper},
    states::States,
};
use crate::{
    model::{Conflict, Context, KeyReused, Position, RetryPolicy, StreamId, Version},
    ports::{AppendError, Appended, EventStore, Snapshots, StoreError},
    roles::{Aggregate, Decision},
    write::loaded::Loaded,
};

/// Why a command had no effect, split by what the caller can do next.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError<E: std::error::Error + 'static> {
    /// The aggregate refused it: tell the user.
    #[error(transparent)]
    Rejected(E),
    /// Others were faster, as often as the retry policy allowed: try again later.
    #[error(transparent)]
    Conflict(Conflict),
    /// The idempotency key belongs to another command: the caller has mixed up its keys.
    #[error(transparent)]
    KeyReused(KeyReused),
    /// The store failed: ask its [`kind`](StoreError::kind).
    #[error(transparent)]
    Store(StoreError),
}

impl<E: std::error::Error + 'static> From<StoreError> for ExecuteError<E> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<E: std::error::Error + 'static> From<AppendError> for ExecuteError<E> {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict(conflict) => Self::Conflict(conflict),
            AppendError::KeyReused(reused) => Self::KeyReused(reused),
            AppendError::Store(error) => Self::Store(error),
        }
    }
}

/// What a request to one aggregate has brought about.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Executed<E> {
    /// The aggregate's stream.
    pub stream: StreamId,
    /// The stream's version after it.
    pub version: Version,
    /// The position of its last event; `None` when there was none.
    pub position: Option<Position>,
    /// Its events.
    pub events: Vec<E>,
    /// It was done before under its key, perhaps by an attempt whose answer was lost, and was not done again: everything
    /// else is as it was then.
    pub repeated: bool,
}

impl<E> Executed<E> {
    fn new(appended: Appended, events: Vec<E>) -> Self {
        Self {
            stream: appended.stream,
            version: appended.version,
            position: appended.position,
            events,
            repeated: appended.repeated,
        }
    }
}

impl<E> From<&Executed<E>> for Position {
    /// The place to wait for: [`START`](Position::START) when nothing happened.
    fn from(executed: &Executed<E>) -> Self {
        executed.position.unwrap_or_default()
    }
}

/// The aggregates of one kind in a store. A clone shares the states that are kept.
pub struct Repository<A, S> {
    store: S,
    retry: RetryPolicy,
    states: States<A>,
    snapshots: Option<Arc<dyn Keep<A>>>,
}

// Derives would ask the same of `A`, which needs none of it.
impl<A, S: Clone> Clone for Repository<A, S> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            retry: self.retry,
            states: self.states.clone(),
            snapshots: self.snapshots.clone(),
        }
    }
}

impl<A, S: fmt::Debug> fmt::Debug for Repository<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("store", &self.store)
            .field("retry", &self.retry)
            .finish_non_exhaustive()
    }
}

impl<A: Aggregate, S: EventStore> Repository<A, S> {
    /// How many recent states a repository keeps unless it is told otherwise.
    pub const CACHE: usize = 1_024;

    /// The aggregates of kind `A` in `store`.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self {
            store,
            retry: RetryPolicy::default(),
            states: States::new(Self::CACHE),
            snapshots: None,
        }
    }

    /// How conflicts are retried.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How many recent states to keep at most, 0 for none; [`CACHE`](Self::CACHE) by default. A command to an aggregate
    /// whose state is kept costs one round trip instead of two, and commands to one aggregate take turns within the
    /// process instead of running into conflicts. A state that others have gone past costs an append in vain, and never
    /// a wrong decision; after that it catches up before it is decided on, which is two round trips, until nobody else has
    /// written meanwhile.
    #[must_use]
    pub fn cache(mut self, states: usize) -> Self {
        self.states = States::new(states);
        self
    }

    /// Shortens loads by snapshots of the state, taken as the policy says. They are written beside the commands, which do
    /// not wait for them; a snapshot that is missing, stale or broken costs time and never truth.
    #[must_use]
    pub fn snapshots(mut self, policy: SnapshotPolicy) -> Self
    where
        A: Serialize + DeserializeOwned,
        S: Snapshots,
    {
        self.snapshots = Some(Arc::new(Keeper::new::<A>(self.store.clone(), policy)));
        self
    }

    /// Sends a command to the aggregate called `id`: await what this returns. Two round trips, one to read the stream and
    /// one to append; one if the state is still kept and no others write to it. A conflict decides again on fresh state; a
    /// refusal does not.
    pub fn execute(&self, id: impl AsRef<str>, command: A::Command) -> Execute<'_, A, S> {
        Execute::new(self, StreamId::of::<A::Event>(id), ByCommand(command))
    }

    /// The aggregate called `id` as it is now, always read from the store; the default state when nothing has happened to it.
    ///
    /// # Errors
    /// When the store fails or an event cannot be read.
    pub async fn load(&self, id: impl AsRef<str>) -> Result<Loaded<A>, StoreError> {
        self.replay(&StreamId::of::<A::Event>(id)?).await
    }

    /// Takes a snapshot of the aggregate called `id` now, and answers its version. Without
    /// [`snapshots`](Self::snapshots), and before the first event, there is nothing to take.
    ///
    /// # Errors
    /// When the store fails or an event cannot be read.
    pub async fn take_snapshot(&self, id: impl AsRef<str>) -> Result<Version, StoreError> {
        let stream = StreamId::of::<A::Event>(id)?;
        let loaded = self.replay(&stream).await?;
        if let Some(snapshots) = &self.snapshots {
            snapshots.take(&stream, &loaded).await?;
        }
        Ok(loaded.version)
    }

    /// Like [`execute`](Self::execute), for a decision that needs I/O: await what this returns. The stream is always read
    /// first. After a conflict the decision is made again on fresh state, so what it does outside must bear a repeat.
    pub fn decide<F, D>(&self, id: impl AsRef<str>, decide: F) -> Execute<'_, A, S, ByFunction<F>>
    where
        F: FnMut(A, Context) -> D + Send,
        D: Future<Output = Decision<A>> + Send,
    {
        Execute::new(self, StreamId::of::<A::Event>(id), ByFunction(decide))
    }

    async fn replay(&self, stream: &StreamId) -> Result<Loaded<A>, StoreError> {
        match &self.snapshots {
            Some(snapshots) => snapshots.load(stream).await,
            None => {
                let events = self.store.replay(stream, Version::EMPTY).await?;
                Loaded::default().catch_up(stream, events)
            }
        }
    }

    /// The state as it is now, by what was appended since. If the stream is no longer the one that the state was made of,
    /// everything is replayed.
    async fn refresh(&self, stream: &StreamId, kept: Loaded<A>) -> Result<Loaded<A>, StoreError> {
        let events = self.store.replay(stream, kept.from()).await?;
        match kept.confirmed(stream, events)? {
            Some(current) => Ok(current),
            None => self.replay(stream).await,
        }
    }

    /// Looks whether it is time for a snapshot.
    fn note(&self, stream: &StreamId, from: Version, loaded: &Loaded<A>) {
        if let Some(snapshots) = &self.snapshots {
            snapshots.note(stream, from, loaded);
        }
    }
}

#[cfg(test)]
mod tests;
