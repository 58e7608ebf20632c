//! The store in memory, with a flaw planted in it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::task::yield_now;

use crate::{
    Append, Appended, Conflict, EventId, EventStore, ExpectedVersion, LogPage, LogQuery,
    MemoryEventStore, Position, RecordedEvent, StoreError, StoreErrorKind, StreamId, UnitOfWork,
    Version, WriteError, memory::MemoryTransaction,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Some reads lack the last event.
    ReadsOneBehind,
    /// Every append lands.
    IgnoresExpectations,
    /// Somebody else may write between the check and the write.
    ChecksThenWrites,
    /// A stream that is not written to is not checked.
    IgnoresGuards,
    /// A transaction is written stream by stream.
    TearsAppends,
    /// Some appends are acknowledged and not written.
    LosesAppends,
    /// Some conflicts are answered, and the events written.
    KeepsWhatItRefuses,
    /// Some conflicts name the version behind the one there is.
    NamesAnotherVersion,
    /// Some appends are written, and answered with an error that says they are not.
    FailsAndWrites,
    /// None: the answer to some appends is lost, done or not. The caller is told so.
    LosesAnswers,
}

#[derive(Debug, Clone)]
pub(super) struct Planted {
    store: MemoryEventStore,
    flaw: Flaw,
    calls: Arc<AtomicUsize>,
}

impl Planted {
    pub(super) fn new(flaw: Flaw) -> Self {
        Self {
            store: MemoryEventStore::default(),
            flaw,
            calls: Arc::default(),
        }
    }

    /// Whether the flaw shows this time.
    fn shows(&self, flaw: Flaw) -> bool {
        self.flaw == flaw && self.calls.fetch_add(1, Ordering::Relaxed) % 4 == 3
    }

    async fn version(&self, stream: &StreamId) -> Result<Version, StoreError> {
        let events = self.store.read_stream(stream, Version::EMPTY).await?;
        Ok(Version::new(events.len() as u64))
    }

    /// What the store is asked instead.
    fn asked(&self, appends: &[Append]) -> Vec<Append> {
        let asked = |append: &Append| {
            let ignored = match self.flaw {
                Flaw::IgnoresExpectations => true,
                Flaw::IgnoresGuards => append.events.is_empty(),
                _ => false,
            };
            Append {
                expected: if ignored {
                    ExpectedVersion::Any
                } else {
                    append.expected
                },
                ..append.clone()
            }
        };
        appends.iter().map(asked).collect()
    }

    /// What the store answers instead.
    async fn answered(
        &self,
        append: Append,
        answer: Result<Appended, WriteError>,
    ) -> Result<Appended, WriteError> {
        match answer {
            Ok(_) if self.shows(Flaw::FailsAndWrites) => Err(lost(StoreErrorKind::Unavailable)),
            Ok(_) if self.shows(Flaw::LosesAnswers) => Err(lost(StoreErrorKind::OutcomeUnknown)),
            Err(WriteError::Conflict(conflict)) if self.shows(Flaw::NamesAnotherVersion) => {
                let actual = conflict.actual.plus(1);
                Err(Conflict { actual, ..conflict }.into())
            }
            Err(conflict) if self.shows(Flaw::KeepsWhatItRefuses) => {
                self.store.append(anywhere(append)).await?;
                Err(conflict)
            }
            answer => answer,
        }
    }
}

fn anywhere(append: Append) -> Append {
    let expected = ExpectedVersion::Any;
    Append { expected, ..append }
}

fn lost(kind: StoreErrorKind) -> WriteError {
    StoreError::new(kind, "planted").into()
}

/// A transaction, and what is asked in it.
pub(super) struct Staged(MemoryTransaction, Vec<Append>);

#[async_trait]
impl UnitOfWork for Planted {
    type Transaction = Staged;

    async fn begin(&self) -> Result<Staged, StoreError> {
        Ok(Staged(self.store.begin().await?, Vec::new()))
    }

    async fn commit(&self, Staged(transaction, appends): Staged) -> Result<(), WriteError> {
        if self.flaw != Flaw::TearsAppends {
            return self.store.commit(transaction).await;
        }
        for append in appends {
            self.store.append(anywhere(append)).await?;
            yield_now().await;
        }
        Ok(())
    }

    async fn rollback(&self, Staged(transaction, _): Staged) -> Result<(), StoreError> {
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
        let mut events = self.store.read_stream(stream, after).await?;
        if self.shows(Flaw::ReadsOneBehind) {
            events.pop();
        }
        Ok(events)
    }

    async fn append(&self, append: Append) -> Result<Appended, WriteError> {
        let asked = self.asked(std::slice::from_ref(&append)).remove(0);
        if self.flaw == Flaw::ChecksThenWrites {
            let actual = self.version(&asked.stream).await?;
            if asked.expected.allows(actual) {
                yield_now().await;
                return self.store.append(anywhere(asked)).await;
            }
        }
        if self.shows(Flaw::LosesAppends) {
            let mut dropped = self.store.begin().await?;
            return Ok(self.store.append_in(&mut dropped, &[asked]).await?[0]);
        }
        if self.shows(Flaw::LosesAnswers) {
            return Err(lost(StoreErrorKind::OutcomeUnknown));
        }
        let answer = self.store.append(asked).await;
        self.answered(append, answer).await
    }

    async fn read_streams_in(
        &self,
        transaction: &mut Staged,
        streams: &[StreamId],
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.store
            .read_streams_in(&mut transaction.0, streams)
            .await
    }

    async fn append_in(
        &self,
        transaction: &mut Staged,
        appends: &[Append],
    ) -> Result<Vec<Appended>, WriteError> {
        let asked = self.asked(appends);
        transaction.1.extend_from_slice(&asked);
        self.store.append_in(&mut transaction.0, &asked).await
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
