//! Loads an aggregate, decides and appends; decides again after a conflict.

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
    snapshotting::{Snapshotter, Snapshotting},
    states::States,
};
use crate::{
    model::{Context, Position, RetryPolicy, StreamId, Version},
    ports::{Appended, EventStore, Snapshots, StoreError},
    roles::{Aggregate, Decision},
    write::{history::History, loaded::Loaded},
};

/// The result of a request to one aggregate.
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
/// # let accounts = MemoryEventStore::default().repository::<Account>();
/// let done = accounts.execute("ann", 500).idempotency_key("invoice 17").await?;
/// assert_eq!((done.version, done.events.len()), (Version::new(1), 1));
///
/// let again = accounts.execute("ann", 500).idempotency_key("invoice 17").await?;
/// assert!(again.repeated); // nothing was appended
/// assert_eq!(again.version, done.version);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Executed<E> {
    /// The aggregate's stream.
    pub stream: StreamId,
    /// The stream's version after the request.
    pub version: Version,
    /// The position of its last event; `None` without events.
    pub position: Option<Position>,
    /// Its events.
    pub events: Vec<E>,
    /// `true`: the request was executed earlier under its key, perhaps by an attempt whose reply was lost, and not again.
    /// The other fields are the earlier result.
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
    /// The position for a view to wait for: [`START`](Position::START) without events.
    fn from(executed: &Executed<E>) -> Self {
        executed.position.unwrap_or_default()
    }
}

/// The aggregates of one type in a store, as [`CommandStore::repository`](crate::CommandStore::repository) returns them. Clones
/// share the cache of states.
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
/// let accounts = MemoryEventStore::default().repository::<Account>();
/// let done = accounts.execute("ann", 500).await?;
/// assert_eq!(done.version, Version::new(1));
/// assert_eq!(accounts.load("ann").await?.state.cents, 500);
/// # Ok(())
/// # }
/// ```
pub struct Repository<A, S> {
    store: S,
    retry: RetryPolicy,
    states: States<A>,
    snapshots: Option<Arc<dyn Snapshotting<A>>>,
}

// A derive would require `A: Clone`.
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
    /// The default size of the cache, in states.
    pub const CACHE: usize = 1_024;

    pub(crate) fn new(store: &S) -> Self {
        Self {
            store: store.clone(),
            retry: RetryPolicy::default(),
            states: States::new(Self::CACHE),
            snapshots: None,
        }
    }

    /// Sets how conflicts are retried.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Sets the size of the cache in states, 0 for none; [`CACHE`](Self::CACHE) by default. A command to an aggregate with a
    /// cached state takes one round trip instead of two. With a cache, commands to one aggregate take turns within the
    /// process, which avoids conflicts; all repositories of a store and of its clones share the turns.
    ///
    /// A stale state never leads to a wrong decision: it costs one failed append, then a fresh read. After that, commands to
    /// this aggregate read first (two round trips), until a read finds no events of other writers.
    #[must_use]
    pub fn cache(mut self, states: usize) -> Self {
        self.states = States::new(states);
        self
    }

    /// Shortens loads with snapshots of the state. They are saved in the background: commands do not wait for them. A
    /// missing, stale or broken snapshot costs time, but never changes the loaded state.
    #[must_use]
    pub fn snapshots(mut self, policy: SnapshotPolicy) -> Self
    where
        A: Serialize + DeserializeOwned,
        S: Snapshots,
    {
        self.snapshots = Some(Arc::new(Snapshotter::new::<A>(self.store.clone(), policy)));
        self
    }

    /// Executes a command on the aggregate called `id`, when the returned request is awaited. It takes two round trips, one
    /// to read the stream and one to append; only one if the state is cached and nobody else writes to the stream. After a
    /// conflict the command is decided again on fresh state; after a rejection it is not.
    pub fn execute(&self, id: impl AsRef<str>, command: A::Command) -> Execute<'_, A, S> {
        Execute::new(self, StreamId::of::<A::Event>(id), ByCommand(command))
    }

    /// Loads the current state of the aggregate called `id`, always from the store. Without events it is the default state.
    ///
    /// # Errors
    /// When the store fails or an event cannot be read.
    pub async fn load(&self, id: impl AsRef<str>) -> Result<Loaded<A>, StoreError> {
        self.replay(&StreamId::of::<A::Event>(id)?).await
    }

    /// Takes a snapshot of the aggregate called `id` and returns its version. Without [`snapshots`](Self::snapshots), or
    /// before the first event, it takes none.
    ///
    /// # Errors
    /// When the store fails or an event cannot be read.
    pub async fn take_snapshot(&self, id: impl AsRef<str>) -> Result<Version, StoreError> {
        let stream = StreamId::of::<A::Event>(id)?;
        let loaded = self.replay(&stream).await?;
        if let Some(snapshots) = &self.snapshots {
            snapshots.save(&stream, &loaded).await?;
        }
        Ok(loaded.version)
    }

    /// Like [`execute`](Self::execute), for a decision that needs I/O. It always reads the stream first. After a conflict
    /// `decide` runs again on fresh state, so its effects outside must be idempotent.
    ///
    /// While `decide` runs it has the aggregate's turn, as `execute` has. With a cache, each other command to that aggregate
    /// waits for it, 1 second at most, and then continues without turn and cached state. So keep slow I/O out of `decide`:
    /// do it before and pass in the result. Never await a command to the same aggregate inside of `decide`: it waits that
    /// second for the decision that waits for it, and then makes it conflict.
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
                let history = History::read::<A::Event>(&self.store, stream, Version::EMPTY);
                Loaded::default().catch_up(stream, history.await?)
            }
        }
    }

    /// Brings a cached state up to date. If it does not belong to the stream any more, replays all events.
    async fn refresh(&self, stream: &StreamId, cached: Loaded<A>) -> Result<Loaded<A>, StoreError> {
        let after = cached.before_last_event();
        let history = History::read::<A::Event>(&self.store, stream, after).await?;
        match cached.verified_catch_up(stream, history)? {
            Some(current) => Ok(current),
            None => self.replay(stream).await,
        }
    }

    /// Takes a snapshot in the background if one is due.
    fn snapshot_if_due(&self, stream: &StreamId, from: Version, loaded: &Loaded<A>) {
        if let Some(snapshots) = &self.snapshots {
            snapshots.save_if_due(stream, from, loaded);
        }
    }
}

#[cfg(test)]
mod tests;
