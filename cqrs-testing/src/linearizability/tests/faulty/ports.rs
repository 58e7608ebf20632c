//! The ports, with the fault.

use std::time::Duration;

use cqrs_core::{
    EventId, EventStore, Position, RecordedEvent, StoreError, StoreErrorKind, StreamId, Version,
    memory::MemoryTransaction,
    model::{Idempotency, LogIdentity},
    ports::{
        AppendError, Appended, Appends, CommitError, LogPage, LogQuery, LookupError, UnitOfWork,
    },
};
use tokio::task::yield_now;

use super::{Fault, FaultyStore, anywhere, error};

impl UnitOfWork for FaultyStore {
    type Transaction = MemoryTransaction;

    async fn begin(&self) -> Result<MemoryTransaction, StoreError> {
        match self.fault {
            Fault::Fails => Err(error(StoreErrorKind::Unavailable)),
            _ => self.store.begin().await,
        }
    }

    async fn commit(&self, transaction: MemoryTransaction) -> Result<(), CommitError> {
        self.delay().await;
        let outcome = self.store.commit(transaction).await;
        self.delay().await;
        outcome
    }

    async fn rollback(&self, transaction: MemoryTransaction) -> Result<(), StoreError> {
        self.store.rollback(transaction).await
    }
}

impl EventStore for FaultyStore {
    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        if self.fault == Fault::Fails {
            return Err(error(StoreErrorKind::Unavailable));
        }
        self.delay().await;
        let mut events = self.store.read_stream(stream, Version::EMPTY).await?;
        if self.fault == Fault::SharesReads {
            events = self.read_before(stream, events);
            yield_now().await;
            self.shared().remove(stream);
        }
        if self.occurs(Fault::ReadsOneBehind) {
            events.pop();
        }
        self.delay().await;
        events.retain(|event| event.version > after);
        Ok(events)
    }

    async fn append_all(&self, appends: Appends) -> Result<Vec<Appended>, AppendError> {
        let altered = self.altered(appends);
        self.delay().await;
        let outcome = match self.fault {
            Fault::Fails => Err(error(StoreErrorKind::Unavailable).into()),
            Fault::TearsAppends if altered.idempotency.is_none() => {
                self.checked(&altered).await?;
                self.torn(altered).await
            }
            Fault::ChecksThenWrites => {
                self.checked(&altered).await?;
                yield_now().await;
                self.store.append_all(anywhere(altered)).await
            }
            _ if self.occurs(Fault::LosesAppends) => {
                let mut dropped = self.store.begin().await?;
                self.store.append_in(&mut dropped, altered).await
            }
            _ if self.occurs(Fault::LosesReplies) => Err(self.lost(altered).await),
            _ => match self.store.append_all(altered.clone()).await {
                Ok(_) if self.occurs(Fault::FailsAndWrites) => {
                    Err(error(StoreErrorKind::Unavailable).into())
                }
                Err(AppendError::Conflict(conflict)) => Err(self.rejected(altered, conflict).await),
                outcome => outcome,
            },
        };
        self.delay().await;
        outcome
    }

    async fn appended_under(
        &self,
        idempotency: &Idempotency,
    ) -> Result<Option<Vec<Appended>>, LookupError> {
        match self.fault {
            Fault::Fails => Err(error(StoreErrorKind::Unavailable).into()),
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
    ) -> Result<Vec<Appended>, AppendError> {
        self.delay().await;
        self.store.append_in(transaction, appends).await
    }

    async fn read_log(&self, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        self.store.read_log(query).await
    }

    async fn high_water_mark(&self) -> Result<Position, StoreError> {
        self.store.high_water_mark().await
    }

    async fn identity(&self) -> Result<LogIdentity, StoreError> {
        self.store.identity().await
    }
    async fn renew_id(&self, after: Position, reason: &str) -> Result<LogIdentity, StoreError> {
        self.store.renew_id(after, reason).await
    }
    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        self.store.event_id_at(position).await
    }

    async fn wait_for_append(&self, at_most: Duration) {
        self.store.wait_for_append(at_most).await;
    }
}
