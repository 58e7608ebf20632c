//! Stores with a known bug. A checker that does not find it proves nothing.

mod postgres;
mod reading;
mod writing;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use cqrs_core::{
    EventId, EventStore, Position, RecordedEvent, StoreError, StreamId, Version,
    model::{Idempotency, Limits, LogIdentity},
    ports::{
        AppendError, Appended, Appends, CommitError, LogPage, LogQuery, LookupError, Turns,
        UnitOfWork,
    },
};

pub use self::{
    postgres::{NaiveReader, OneStatementFence},
    reading::{RepeatsEvents, SkipsEvents, SwapsEvents},
    writing::{CommitsRollbacks, ForgetsAppends, ForgetsKeys, ReturnsWrongVersion, TearsAppends},
};

/// A bug of a store. Each method does what the store does, unless a bug overrides it.
#[async_trait]
pub trait Bug<S: EventStore>: Send + Sync + 'static {
    /// Reads a page of the log.
    async fn read_log(&self, store: &S, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        store.read_log(query).await
    }

    /// Appends in a transaction of its own.
    async fn append_all(&self, store: &S, appends: Appends) -> Result<Vec<Appended>, AppendError> {
        store.append_all(appends).await
    }

    /// Appends within a transaction.
    async fn append_in(
        &self,
        store: &S,
        transaction: &mut S::Transaction,
        appends: Appends,
    ) -> Result<Vec<Appended>, AppendError> {
        store.append_in(transaction, appends).await
    }

    /// Rolls a transaction back.
    async fn rollback(&self, store: &S, transaction: S::Transaction) -> Result<(), StoreError> {
        store.rollback(transaction).await
    }
}

/// A store with a bug.
#[derive(Debug)]
pub struct WithBug<S, B> {
    store: S,
    bug: Arc<B>,
}

impl<S, B> WithBug<S, B> {
    /// Plants the bug in the store.
    pub fn new(store: S, bug: B) -> Self {
        Self {
            store,
            bug: Arc::new(bug),
        }
    }
}

impl<S: Clone, B> Clone for WithBug<S, B> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            bug: Arc::clone(&self.bug),
        }
    }
}

impl<S: EventStore, B: Bug<S>> UnitOfWork for WithBug<S, B> {
    type Transaction = S::Transaction;

    async fn begin(&self) -> Result<S::Transaction, StoreError> {
        self.store.begin().await
    }

    async fn commit(&self, transaction: S::Transaction) -> Result<(), CommitError> {
        self.store.commit(transaction).await
    }

    async fn rollback(&self, transaction: S::Transaction) -> Result<(), StoreError> {
        self.bug.rollback(&self.store, transaction).await
    }
}

impl<S: EventStore, B: Bug<S>> EventStore for WithBug<S, B> {
    fn turns(&self) -> Turns {
        self.store.turns()
    }

    fn size_limits(&self) -> Limits {
        self.store.size_limits()
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.store.read_stream(stream, after).await
    }

    async fn append_all(&self, appends: Appends) -> Result<Vec<Appended>, AppendError> {
        self.bug.append_all(&self.store, appends).await
    }

    async fn appended_under(
        &self,
        idempotency: &Idempotency,
    ) -> Result<Option<Vec<Appended>>, LookupError> {
        self.store.appended_under(idempotency).await
    }

    async fn read_streams_in(
        &self,
        transaction: &mut S::Transaction,
        streams: &[StreamId],
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.store.read_streams_in(transaction, streams).await
    }

    async fn append_in(
        &self,
        transaction: &mut S::Transaction,
        appends: Appends,
    ) -> Result<Vec<Appended>, AppendError> {
        self.bug.append_in(&self.store, transaction, appends).await
    }

    async fn read_log(&self, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        self.bug.read_log(&self.store, query).await
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
    async fn record_operation(
        &self,
        verb: &str,
        arguments: &[(&str, String)],
        reason: &str,
    ) -> Result<(), StoreError> {
        self.store.record_operation(verb, arguments, reason).await
    }
    async fn record_outcome(
        &self,
        verb: &str,
        arguments: &[(&str, String)],
        reason: &str,
        outcome: &str,
    ) -> Result<(), StoreError> {
        let outcome = self.store.record_outcome(verb, arguments, reason, outcome);
        outcome.await
    }
    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        self.store.event_id_at(position).await
    }

    async fn wait_for_append(&self, at_most: Duration) {
        self.store.wait_for_append(at_most).await;
    }
}

/// True once in `calls` calls, at random.
fn happens_once_in(calls: u16) -> bool {
    fastrand::u16(..calls) == 0
}
