//! The store in memory, with a habit planted in it.

mod ports;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use cqrs_core::{
    AppendError, Appended, Appends, EventStore, ExpectedVersion, MemoryEventStore, RecordedEvent,
    StoreError, StoreErrorKind, StreamId, model::Conflict, ports::UnitOfWork,
};
use tokio::task::yield_now;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// Some reads lack the last event.
    ReadsOneBehind,
    /// A reader is given what another one who asked before is about to get.
    SharesReads,
    /// Every append lands.
    IgnoresExpectations,
    /// Somebody else may write between the check and the write.
    ChecksThenWrites,
    /// A stream that is not written to is not checked.
    IgnoresGuards,
    /// Several streams are written one after the other.
    TearsAppends,
    /// Some appends are acknowledged and not written.
    LosesAppends,
    /// Some conflicts are answered, and the events written.
    KeepsWhatItRefuses,
    /// Some conflicts name the version behind the one there is.
    NamesAnotherVersion,
    /// Conflicts name the version that the expected one would have become.
    NamesAnOlderVersion,
    /// Some appends are written, and answered with an error that says they are not.
    FailsAndWrites,
    /// Some repeats under a key are done again.
    ForgetsKeys,
    /// Honest: the answer to some appends is lost, done or not or later, and the caller is told so.
    LosesAnswers,
    /// Honest: others come and go while a call is on its way, and while its answer is.
    IsFarAway,
    /// Honest, and no use.
    Fails,
}

#[derive(Debug, Clone)]
pub(super) struct Planted {
    store: MemoryEventStore,
    habit: Habit,
    calls: Arc<AtomicUsize>,
    /// What was read of a stream, for as long as the reader is on its way home with it.
    shared: Arc<Mutex<HashMap<StreamId, Vec<RecordedEvent>>>>,
}

impl Planted {
    pub(super) fn new(habit: Habit) -> Self {
        Self {
            store: MemoryEventStore::default(),
            habit,
            calls: Arc::default(),
            shared: Arc::default(),
        }
    }

    /// Whether the habit shows this time.
    fn shows(&self, habit: Habit) -> bool {
        self.habit == habit && self.calls.fetch_add(1, Ordering::Relaxed) % 4 == 3
    }

    async fn distance(&self) {
        if self.habit == Habit::IsFarAway {
            yield_now().await;
        }
    }

    fn shared(&self) -> MutexGuard<'_, HashMap<StreamId, Vec<RecordedEvent>>> {
        self.shared
            .lock()
            .expect("no call panics while it holds the lock")
    }

    /// What another reader is on its way home with, or what this one has read.
    fn read_before(&self, stream: &StreamId, events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
        let mut shared = self.shared();
        shared.entry(stream.clone()).or_insert(events).clone()
    }

    async fn checked(&self, appends: &Appends) -> Result<(), AppendError> {
        let mut dropped = self.store.begin().await?;
        self.store.append_in(&mut dropped, appends.clone()).await?;
        Ok(())
    }

    /// What is asked of the store in memory instead.
    fn asked(&self, mut appends: Appends) -> Appends {
        for append in &mut appends.streams {
            if self.habit == Habit::IgnoresExpectations
                || (self.habit == Habit::IgnoresGuards && append.events.is_empty())
            {
                append.expected = ExpectedVersion::Any;
            }
        }
        if self.shows(Habit::ForgetsKeys) {
            appends.idempotency = None;
        }
        appends
    }

    /// What is answered in place of a conflict.
    async fn refused(&self, appends: Appends, mut conflict: Conflict) -> AppendError {
        if self.shows(Habit::KeepsWhatItRefuses) {
            let kept = self.store.append_all(anywhere(appends)).await;
            kept.expect("nothing is expected of the streams");
        }
        if self.shows(Habit::NamesAnotherVersion) {
            conflict.actual = conflict.actual.plus(1);
        }
        if let (Habit::NamesAnOlderVersion, ExpectedVersion::Exact(expected)) =
            (self.habit, conflict.expected)
        {
            conflict.actual = conflict.actual.min(expected.plus(1));
        }
        conflict.into()
    }

    async fn torn(&self, appends: Appends) -> Result<Vec<Appended>, AppendError> {
        let mut appended = Vec::new();
        for append in appends.streams {
            appended.push(self.store.append(append).await?);
            yield_now().await;
        }
        Ok(appended)
    }

    /// The answer is lost: before it was done, after, or for a while.
    async fn lost(&self, appends: Appends) -> AppendError {
        let store = self.store.clone();
        let later = tokio::spawn(async move {
            yield_now().await;
            drop(store.append_all(appends).await);
        });
        match self.calls.load(Ordering::Relaxed) % 3 {
            0 => later.abort(),
            1 => later.await.expect("it does not panic"),
            _ => {}
        }
        error(StoreErrorKind::OutcomeUnknown).into()
    }
}

fn anywhere(mut appends: Appends) -> Appends {
    for append in &mut appends.streams {
        append.expected = ExpectedVersion::Any;
    }
    appends
}

fn error(kind: StoreErrorKind) -> StoreError {
    StoreError::new(kind, "planted")
}
