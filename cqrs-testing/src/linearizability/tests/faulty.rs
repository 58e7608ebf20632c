//! The store in memory with one fault.

mod ports;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

use cqrs_core::{
    EventStore, ExpectedVersion, MemoryEventStore, RecordedEvent, StoreError, StoreErrorKind,
    StreamId,
    model::Conflict,
    ports::{AppendError, Appended, Appends, UnitOfWork},
};
use tokio::task::yield_now;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Some reads miss the last event.
    ReadsOneBehind,
    /// A read returns the result of an earlier read that has not ended yet.
    SharesReads,
    /// Every append is accepted.
    IgnoresExpectations,
    /// Others can write between the check and the write.
    ChecksThenWrites,
    /// Read-only participants are not checked.
    IgnoresReadOnlyParticipants,
    /// Several streams are written one after the other.
    TearsAppends,
    /// Some appends are acknowledged and not written.
    LosesAppends,
    /// Some conflicts are returned although the events are written.
    KeepsRejected,
    /// Some conflicts name the version after the actual one.
    NamesAnotherVersion,
    /// Conflicts name the version after the expected one.
    NamesAnOlderVersion,
    /// Some appends are written although they return an error.
    FailsAndWrites,
    /// Some repeats under a key are executed again.
    ForgetsKeys,
    /// Correct: some appends return an unknown outcome; they happened, happen later, or never.
    LosesReplies,
    /// Correct: calls and replies take time, so that other calls run concurrently.
    IsSlow,
    /// Correct but useless: every call fails.
    Fails,
}

#[derive(Debug, Clone)]
pub(super) struct FaultyStore {
    store: MemoryEventStore,
    fault: Fault,
    calls: Arc<AtomicUsize>,
    /// The results of reads that have not ended yet.
    shared: Arc<Mutex<HashMap<StreamId, Vec<RecordedEvent>>>>,
}

impl FaultyStore {
    pub(super) fn new(fault: Fault) -> Self {
        Self {
            store: MemoryEventStore::default(),
            fault,
            calls: Arc::default(),
            shared: Arc::default(),
        }
    }

    /// Whether the fault occurs in this call.
    fn occurs(&self, fault: Fault) -> bool {
        self.fault == fault && self.calls.fetch_add(1, Ordering::Relaxed) % 4 == 3
    }

    async fn delay(&self) {
        if self.fault == Fault::IsSlow {
            yield_now().await;
        }
    }

    fn shared(&self) -> MutexGuard<'_, HashMap<StreamId, Vec<RecordedEvent>>> {
        self.shared
            .lock()
            .expect("no call panics while it holds the lock")
    }

    /// The result of an earlier read that has not ended, or the given one.
    fn read_before(&self, stream: &StreamId, events: Vec<RecordedEvent>) -> Vec<RecordedEvent> {
        let mut shared = self.shared();
        shared.entry(stream.clone()).or_insert(events).clone()
    }

    async fn checked(&self, appends: &Appends) -> Result<(), AppendError> {
        let mut dropped = self.store.begin().await?;
        self.store.append_in(&mut dropped, appends.clone()).await?;
        Ok(())
    }

    /// The appends that are passed to the store in memory.
    fn altered(&self, mut appends: Appends) -> Appends {
        for append in &mut appends.streams {
            if self.fault == Fault::IgnoresExpectations
                || (self.fault == Fault::IgnoresReadOnlyParticipants && append.events.is_empty())
            {
                append.expected = ExpectedVersion::Any;
            }
        }
        if self.occurs(Fault::ForgetsKeys) {
            appends.idempotency = None;
        }
        appends
    }

    /// The error that is returned in place of a conflict.
    async fn rejected(&self, appends: Appends, mut conflict: Conflict) -> AppendError {
        if self.occurs(Fault::KeepsRejected) {
            let kept = self.store.append_all(anywhere(appends)).await;
            kept.expect("nothing is expected of the streams");
        }
        if self.occurs(Fault::NamesAnotherVersion) {
            conflict.actual = conflict.actual.plus(1);
        }
        if let (Fault::NamesAnOlderVersion, ExpectedVersion::Exact(expected)) =
            (self.fault, conflict.expected)
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

    /// An unknown outcome: the append does not happen, happens later, or has happened.
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
