//! The store in memory: for tests and first runs. It is the shortest correct adapter: read it before you write one.
//!
//! A transaction is a set of staged writes and of guards; it reads its own writes. Nothing is locked between two calls. Commit
//! checks the guards again under one lock; then all writes become visible, or none.

mod control;
mod documents;
mod import;
mod inspect;
mod keys;
mod layout;
mod leases;
mod operations;
mod parked;
mod parking;
mod partitions;
mod ports;
mod relays;
mod subscriptions;
mod transaction;

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

pub use self::transaction::MemoryTransaction;
use self::{keys::Keys, leases::Leases, parked::ParkedKeys};
use crate::{
    model::{
        Claim, EventId, Lane, LeaseTimes, Limits, LogId, LogIdentity, PartitionId, Position,
        RecordedEvent, Selection, StreamId, Version,
    },
    ports::{Appended, Discarded, Document, Operation, Snapshot, Turns},
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
/// let accounts = store.repository::<Account>();
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
    turns: Turns,
}

impl MemoryEventStore {
    /// Sets how long idempotency keys are kept; seven days by default.
    #[must_use]
    pub fn idempotency_retention(self, retention: Duration) -> Self {
        self.state().keys.retention = retention;
        self
    }

    /// Sets the sizes that this store accepts.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        self.state().limits = limits;
        self
    }

    /// Sets for how long a runner over the log keeps its partitions when it is not heard of. Tests pause tokio's clock.
    #[must_use]
    pub fn leases(self, times: LeaseTimes) -> Self {
        self.state().lease_times = times;
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
    limits: Limits,
    lease_times: LeaseTimes,
    /// `None` until somebody asks.
    identity: Option<LogIdentity>,
    /// The log. The event at index n has position n + 1.
    log: Vec<RecordedEvent>,
    /// The events of each stream, as indexes into the log.
    streams: HashMap<StreamId, Vec<usize>>,
    checkpoints: HashMap<Subscribed, Claim>,
    /// When each checkpoint was last moved.
    moved: HashMap<Subscribed, Instant>,
    /// The subscriptions over the log.
    leases: HashMap<String, Leases>,
    selections: HashMap<Subscribed, Selection>,
    /// By subscription and [inbox key](PartitionId::inbox_key).
    inbox: HashMap<(String, String), BTreeMap<Lane, Position>>,
    documents: BTreeMap<DocumentKey, Document>,
    /// Counts document writes; the source of document versions. A document that is removed and written again therefore
    /// never gets a version that it had before.
    document_writes: u64,
    keys: Keys,
    snapshots: HashMap<StreamId, Snapshot>,
    discarded: Vec<Discarded>,
    operations: Vec<Operation>,
    parked: ParkedKeys,
    /// Who runs each relay.
    relays: HashMap<String, Leases>,
}

impl State {
    fn identity(&mut self) -> &mut LogIdentity {
        self.identity
            .get_or_insert_with(|| LogIdentity::new(LogId::random().to_string(), LogId::random()))
    }

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

    fn next_document_version(&mut self) -> u64 {
        self.document_writes += 1;
        self.document_writes
    }
}

#[cfg(test)]
mod tests;
