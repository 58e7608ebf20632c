//! A store in memory that counts what is asked of it, fails as it is told, lets others go first, and can be restored from
//! another log under the feet of its users.

mod ports;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::{
    memory::MemoryEventStore,
    model::StreamId,
    ports::{AppendError, Snapshot, StoreError, StoreErrorKind},
};

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is answered.
    None,
    /// It is refused, and nothing is done.
    Away,
    /// It is done, and the answer gets lost.
    LostAnswer,
    /// It gets lost on its way, which looks the same.
    LostCall,
}

#[derive(Clone, Default)]
pub(super) struct Scripted(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    log: MemoryEventStore,
    snapshots: HashMap<StreamId, Snapshot>,
    calls: Vec<&'static str>,
    faults: VecDeque<Fault>,
    /// How often a call lets others go first, before it is done and after; drawn anew each time, up to so many.
    pauses: usize,
    random: Option<fastrand::Rng>,
}

impl Scripted {
    /// What was asked since the last time, but snapshots to be saved: nobody waits for those.
    pub(super) fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.script().calls)
    }

    /// What becomes of the next calls, each in turn; the others are answered.
    pub(super) fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.script().faults = faults.into_iter().collect();
    }

    /// Lets others go first up to so often at each call, as a seed tells; without one, exactly so often.
    pub(super) fn pause(&self, pauses: usize, seed: Option<u64>) {
        let mut script = self.script();
        script.pauses = pauses;
        script.random = seed.map(fastrand::Rng::with_seed);
    }

    /// Puts another log in place of this one. What is no event stays.
    pub(super) fn restore(&self, log: MemoryEventStore) {
        self.script().log = log;
    }

    pub(super) fn snapshot(&self, stream: &StreamId) -> Option<Snapshot> {
        self.script().snapshots.get(stream).cloned()
    }

    pub(super) fn put_snapshot(&self, stream: &StreamId, snapshot: Snapshot) {
        self.script().snapshots.insert(stream.clone(), snapshot);
    }

    /// The store behind it, which is not counted and does not fail.
    pub(super) fn log(&self) -> MemoryEventStore {
        self.script().log.clone()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0
            .lock()
            .expect("no call panics while it holds the lock")
    }

    /// Does a call as the script has it.
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
        self.let_others_go_first().await;
        let answer = match fault {
            Fault::None => done.await,
            Fault::LostAnswer => {
                done.await?;
                Err(planted(StoreErrorKind::OutcomeUnknown).into())
            }
            Fault::LostCall => Err(planted(StoreErrorKind::OutcomeUnknown).into()),
            Fault::Away => Err(planted(StoreErrorKind::Unavailable).into()),
        };
        self.let_others_go_first().await;
        answer
    }

    /// A read has no outcome that could be unknown.
    async fn read<T>(
        &self,
        name: &'static str,
        done: impl Future<Output = Result<T, AppendError>>,
    ) -> Result<T, AppendError> {
        let lost = |error: AppendError| match error {
            AppendError::Store(e) if e.kind() == StoreErrorKind::OutcomeUnknown => {
                planted(StoreErrorKind::Unavailable).into()
            }
            error => error,
        };
        self.call(name, done).await.map_err(lost)
    }

    async fn let_others_go_first(&self) {
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

fn planted(kind: StoreErrorKind) -> StoreError {
    StoreError::new(kind, "planted")
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scripted").finish_non_exhaustive()
    }
}
