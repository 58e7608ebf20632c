//! The store in memory, with a habit planted in it.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::task::yield_now;

use crate::{
    Appended, Appends, Conflict, EventId, EventStore, ExpectedVersion, Idempotency, LogPage,
    LogQuery, MemoryEventStore, Position, RecordedEvent, StoreError, StoreErrorKind, StreamId,
    UnitOfWork, Version, WriteError, memory::MemoryTransaction,
};

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

    async fn checked(&self, appends: &Appends) -> Result<(), WriteError> {
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
    async fn refused(&self, appends: Appends, mut conflict: Conflict) -> WriteError {
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

    async fn torn(&self, appends: Appends) -> Result<Vec<Appended>, WriteError> {
        let mut appended = Vec::new();
        for append in appends.streams {
            appended.push(self.store.append(append).await?);
            yield_now().await;
        }
        Ok(appended)
    }

    /// The answer is lost: before it was done, after, or for a while.
    async fn lost(&self, appends: Appends) -> WriteError {
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

#[async_trait]
impl UnitOfWork for Planted {
    type Transaction = MemoryTransaction;

    async fn begin(&self) -> Result<MemoryTransaction, StoreError> {
        match self.habit {
            Habit::Fails => Err(error(StoreErrorKind::Unavailable)),
            _ => self.store.begin().await,
        }
    }

    async fn commit(&self, transaction: MemoryTransaction) -> Result<(), WriteError> {
        self.distance().await;
        let answer = self.store.commit(transaction).await;
        self.distance().await;
        answer
    }

    async fn rollback(&self, transaction: MemoryTransaction) -> Result<(), StoreError> {
        self.store.rollback(transaction).await
    }
}

#[async_trait]
impl EventStore for Planted {
    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        if self.habit == Habit::Fails {
            return Err(error(StoreErrorKind::Unavailable));
        }
        self.distance().await;
        let mut events = self.store.read_stream(stream, Version::EMPTY).await?;
        if self.habit == Habit::SharesReads {
            let entry = |shared: &mut HashMap<_, Vec<_>>| {
                shared.entry(stream.clone()).or_insert(events).clone()
            };
            events = entry(&mut self.shared.lock().expect("no call panics with it"));
            yield_now().await;
            self.shared
                .lock()
                .expect("no call panics with it")
                .remove(stream);
        }
        if self.shows(Habit::ReadsOneBehind) {
            events.pop();
        }
        self.distance().await;
        events.retain(|event| event.version > after);
        Ok(events)
    }

    async fn append_all(&self, appends: Appends) -> Result<Vec<Appended>, WriteError> {
        let asked = self.asked(appends);
        self.distance().await;
        let answer = match self.habit {
            Habit::Fails => Err(error(StoreErrorKind::Unavailable).into()),
            Habit::TearsAppends if asked.idempotency.is_none() => {
                self.checked(&asked).await?;
                self.torn(asked).await
            }
            Habit::ChecksThenWrites => {
                self.checked(&asked).await?;
                yield_now().await;
                self.store.append_all(anywhere(asked)).await
            }
            _ if self.shows(Habit::LosesAppends) => {
                let mut dropped = self.store.begin().await?;
                self.store.append_in(&mut dropped, asked).await
            }
            _ if self.shows(Habit::LosesAnswers) => Err(self.lost(asked).await),
            _ => match self.store.append_all(asked.clone()).await {
                Ok(_) if self.shows(Habit::FailsAndWrites) => {
                    Err(error(StoreErrorKind::Unavailable).into())
                }
                Err(WriteError::Conflict(conflict)) => Err(self.refused(asked, conflict).await),
                answer => answer,
            },
        };
        self.distance().await;
        answer
    }

    async fn appended_under(
        &self,
        idempotency: &Idempotency,
    ) -> Result<Option<Vec<Appended>>, WriteError> {
        match self.habit {
            Habit::Fails => Err(error(StoreErrorKind::Unavailable).into()),
            _ => self.store.appended_under(idempotency).await,
        }
    }

    async fn read_streams_in(
        &self,
        transaction: &mut MemoryTransaction,
        streams: &[StreamId],
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.store.read_streams_in(transaction, streams).await
    }

    async fn append_in(
        &self,
        transaction: &mut MemoryTransaction,
        appends: Appends,
    ) -> Result<Vec<Appended>, WriteError> {
        self.distance().await;
        self.store.append_in(transaction, appends).await
    }

    async fn read_log(&self, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        self.store.read_log(query).await
    }

    async fn high_water_mark(&self) -> Result<Position, StoreError> {
        self.store.high_water_mark().await
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        self.store.event_id_at(position).await
    }

    async fn wait_for_append(&self, at_most: Duration) {
        self.store.wait_for_append(at_most).await;
    }
}
