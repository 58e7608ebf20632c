//! A store in memory for tests: it records its calls, injects faults, lets other tasks run first, and can replace its log
//! while it is in use.

mod ports;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::{
    memory::MemoryEventStore,
    model::{StreamId, Version},
    ports::{LookupError, Snapshot, StoreError, StoreErrorKind, Turns},
};

/// The fault of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The call works.
    None,
    /// The store is unavailable; the call has no effect.
    Unavailable,
    /// The call has its effect, but its reply is lost: the outcome is unknown.
    LostReply,
    /// The call is lost and has no effect: the outcome is unknown as well.
    LostCall,
}

#[derive(Clone, Default)]
pub(super) struct Scripted(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    log: MemoryEventStore,
    snapshots: HashMap<StreamId, Snapshot>,
    calls: Vec<&'static str>,
    /// The version after which the last replay started.
    replayed_after: Version,
    faults: VecDeque<Fault>,
    /// How often a call yields to other tasks, before its effect and after it. With a generator, it is the maximum.
    pauses: usize,
    random: Option<fastrand::Rng>,
    turns: Option<Turns>,
}

impl Scripted {
    /// The calls since the last time, without saves of snapshots, which run in the background.
    pub(super) fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.script().calls)
    }

    /// The version after which the last replay of one stream started.
    pub(super) fn replayed_after(&self) -> u64 {
        self.script().replayed_after.get()
    }

    /// Sets the faults of the next calls, in order; later calls work.
    pub(super) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.script().faults = faults.into_iter().collect();
    }

    /// Lets each call yield to other tasks: a random number of times up to `pauses` with a seed, else exactly `pauses` times.
    pub(super) fn pause(&self, pauses: usize, seed: Option<u64>) {
        let mut script = self.script();
        script.pauses = pauses;
        script.random = seed.map(fastrand::Rng::with_seed);
    }

    /// Shares the turns of all commands, as the stores of the adapters do. Otherwise a test could not let one command overtake
    /// another.
    pub(super) fn share_turns(&self) {
        self.script().turns = Some(Turns::default());
    }

    /// Replaces the log. Snapshots stay.
    pub(super) fn restore(&self, log: MemoryEventStore) {
        self.script().log = log;
    }

    pub(super) fn snapshot(&self, stream: &StreamId) -> Option<Snapshot> {
        self.script().snapshots.get(stream).cloned()
    }

    pub(super) fn put_snapshot(&self, stream: &StreamId, snapshot: Snapshot) {
        self.script().snapshots.insert(stream.clone(), snapshot);
    }

    /// The underlying store, without records and faults.
    pub(super) fn log(&self) -> MemoryEventStore {
        self.script().log.clone()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0
            .lock()
            .expect("no call panics while it holds the lock")
    }

    /// Runs a call with its pauses and its fault.
    async fn call<T, E: From<StoreError>>(
        &self,
        name: &'static str,
        done: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let fault = {
            let mut script = self.script();
            script.calls.push(name);
            script.faults.pop_front().unwrap_or(Fault::None)
        };
        self.yield_to_others().await;
        let outcome = match fault {
            Fault::None => done.await,
            Fault::LostReply => {
                done.await?;
                Err(injected(StoreErrorKind::OutcomeUnknown).into())
            }
            Fault::LostCall => Err(injected(StoreErrorKind::OutcomeUnknown).into()),
            Fault::Unavailable => Err(injected(StoreErrorKind::Unavailable).into()),
        };
        self.yield_to_others().await;
        outcome
    }

    /// Runs a read. Its outcome is never unknown.
    async fn read<T>(
        &self,
        name: &'static str,
        done: impl Future<Output = Result<T, LookupError>>,
    ) -> Result<T, LookupError> {
        let lost = |error: LookupError| match error {
            LookupError::Store(e) if e.kind() == StoreErrorKind::OutcomeUnknown => {
                injected(StoreErrorKind::Unavailable).into()
            }
            error => error,
        };
        self.call(name, done).await.map_err(lost)
    }

    async fn yield_to_others(&self) {
        let pauses = {
            let mut script = self.script();
            let pauses = script.pauses;
            match &mut script.random {
                Some(random) => random.usize(0..=pauses),
                None => pauses,
            }
        };
        for _ in 0..pauses {
            tokio::task::yield_now().await;
        }
    }
}

fn injected(kind: StoreErrorKind) -> StoreError {
    StoreError::new(kind, "injected")
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").finish_non_exhaustive()
    }
}
