//! Loads, decides, appends, and asks again after a conflict.

mod execute;

use std::{fmt, marker::PhantomData, time::SystemTime};

pub use self::execute::Execute;
use crate::{
    Aggregate, Append, Conflict, Context, Decision, EventStore, ExpectedVersion, Metadata,
    NewEvent, Position, RetryPolicy, StoreError, StoreErrorKind, StreamId, Version, WriteError,
    codec,
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
    /// The store failed: ask its [`kind`](StoreError::kind).
    #[error(transparent)]
    Store(StoreError),
}

impl<E: std::error::Error + 'static> From<StoreError> for ExecuteError<E> {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl<E: std::error::Error + 'static> From<WriteError> for ExecuteError<E> {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Conflict(conflict) => Self::Conflict(conflict),
            WriteError::Store(error) => Self::Store(error),
            other @ (WriteError::DocumentConflict { .. } | WriteError::Fenced { .. }) => {
                Self::Store(StoreError::new(StoreErrorKind::Other, other.to_string()))
            }
        }
    }
}

/// What a command has brought about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed<E> {
    /// The stream's version after it.
    pub version: Version,
    /// The position of its last event; `None` when there was none.
    pub position: Option<Position>,
    /// Its events.
    pub events: Vec<E>,
}

/// An aggregate as its events tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded<A> {
    /// Its state.
    pub state: A,
    /// How many events made it.
    pub version: Version,
}

/// The aggregates of one kind in a store.
pub struct Repository<A, S> {
    store: S,
    retry: RetryPolicy,
    aggregate: PhantomData<fn() -> A>,
}

// Derives would ask the same of `A`, which needs none of it.
impl<A, S: Clone> Clone for Repository<A, S> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            retry: self.retry,
            aggregate: PhantomData,
        }
    }
}

impl<A, S: fmt::Debug> fmt::Debug for Repository<A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("store", &self.store)
            .field("retry", &self.retry)
            .finish()
    }
}

impl<A: Aggregate, S: EventStore> Repository<A, S> {
    /// The aggregates of kind `A` in `store`.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self {
            store,
            retry: RetryPolicy::default(),
            aggregate: PhantomData,
        }
    }

    /// How conflicts are retried.
    #[must_use]
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Sends a command to the aggregate called `id`: await what this returns. Two round trips, one to read the stream and
    /// one to append. A conflict decides again on fresh state; a refusal does not.
    pub fn execute(&self, id: impl AsRef<str>, command: A::Command) -> Execute<'_, A, S> {
        Execute::new(self, StreamId::of::<A::Event>(id), command)
    }

    /// The aggregate called `id` as it is now; the default state when nothing has happened to it.
    ///
    /// # Errors
    /// When the store fails or an event cannot be read.
    pub async fn load(&self, id: impl AsRef<str>) -> Result<Loaded<A>, StoreError> {
        self.fold(&StreamId::of::<A::Event>(id)?).await
    }

    /// Like [`execute`](Self::execute), for a decision that needs I/O. It is made again on fresh state after a conflict,
    /// so what it does outside must bear a repeat.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn decide<F, D>(
        &self,
        id: impl AsRef<str>,
        mut decide: F,
    ) -> Result<Executed<A::Event>, ExecuteError<A::Error>>
    where
        F: FnMut(A, Context) -> D + Send,
        D: Future<Output = Decision<A>> + Send,
    {
        let stream = StreamId::of::<A::Event>(id).map_err(StoreError::from)?;
        let (now, mut failures) = (SystemTime::now(), 0);
        loop {
            let Loaded { state, version } = self.fold(&stream).await?;
            let context = context(&stream, version, now, Metadata::default());
            let events = decide(state, context)
                .await
                .map_err(ExecuteError::Rejected)?;
            match self
                .append(&stream, version, events, &Metadata::default())
                .await
            {
                Err(ExecuteError::Conflict(conflict)) => {
                    self.retry.pause(&mut failures, conflict).await?;
                }
                outcome => return outcome,
            }
        }
    }

    async fn fold(&self, stream: &StreamId) -> Result<Loaded<A>, StoreError> {
        let mut loaded = Loaded {
            state: A::default(),
            version: Version::EMPTY,
        };
        for recorded in self.store.read_stream(stream, Version::EMPTY).await? {
            let event = codec::decode(&recorded.event_type, &recorded.payload);
            loaded.state.apply(
                event.map_err(|error| StoreError::undecodable::<A::Event>(&recorded, error))?,
            );
            loaded.version = recorded.version;
        }
        Ok(loaded)
    }

    async fn append(
        &self,
        stream: &StreamId,
        version: Version,
        events: Vec<A::Event>,
        metadata: &Metadata,
    ) -> Result<Executed<A::Event>, ExecuteError<A::Error>> {
        if events.is_empty() {
            return Ok(Executed {
                version,
                position: None,
                events,
            });
        }
        let encoded = events
            .iter()
            .map(|event| NewEvent::encode(event, metadata.clone()));
        let encoded = encoded
            .collect::<Result<_, _>>()
            .map_err(StoreError::from)?;
        let append = Append {
            stream: stream.clone(),
            expected: ExpectedVersion::Exact(version),
            events: encoded,
        };
        let appended = self.store.append(append).await?;
        Ok(Executed {
            version: appended.version,
            position: appended.position,
            events,
        })
    }
}

fn context(stream: &StreamId, version: Version, now: SystemTime, metadata: Metadata) -> Context {
    Context {
        id: stream.shared_id(),
        version,
        now,
        metadata,
    }
}

impl RetryPolicy {
    /// Waits before the next attempt, or gives the conflict back when there is to be none.
    async fn pause<E: std::error::Error + 'static>(
        self,
        failures: &mut u32,
        conflict: Conflict,
    ) -> Result<(), ExecuteError<E>> {
        *failures += 1;
        let Some(wait) = self.wait(*failures) else {
            return Err(ExecuteError::Conflict(conflict));
        };
        tokio::time::sleep(wait).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
