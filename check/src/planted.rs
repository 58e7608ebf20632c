//! Stores with a fault of a known kind: a checker that does not find it proves nothing.

mod postgres;
mod reading;
mod writing;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use cqrs_core::{
    Appended, Appends, EventId, EventStore, Idempotency, Position, RecordedEvent, StoreError,
    StreamId, Version, WriteError,
    ports::{LogPage, LogQuery, UnitOfWork},
};

pub use self::{
    postgres::{NaiveReader, OneStatementFence},
    reading::{Repeats, Skips, Swaps},
    writing::{Forgets, ForgetsKeys, KeepsRolledBack, Miscounts, Tears},
};

/// What is wrong with a store. Each method does what the store does, unless it is the faulty one.
#[async_trait]
pub trait Fault<S: EventStore>: Send + Sync + 'static {
    /// Reads a page of the log.
    async fn read_log(&self, store: &S, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        store.read_log(query).await
    }

    /// Appends in a transaction of its own.
    async fn append_all(&self, store: &S, appends: Appends) -> Result<Vec<Appended>, WriteError> {
        store.append_all(appends).await
    }

    /// Appends within a transaction.
    async fn append_in(
        &self,
        store: &S,
        transaction: &mut S::Transaction,
        appends: Appends,
    ) -> Result<Vec<Appended>, WriteError> {
        store.append_in(transaction, appends).await
    }

    /// Undoes a transaction.
    async fn rollback(&self, store: &S, transaction: S::Transaction) -> Result<(), StoreError> {
        store.rollback(transaction).await
    }
}

/// A store with a fault.
#[derive(Debug)]
pub struct Planted<S, F> {
    store: S,
    fault: Arc<F>,
}

impl<S, F> Planted<S, F> {
    /// Plants the fault.
    pub fn new(store: S, fault: F) -> Self {
        Self {
            store,
            fault: Arc::new(fault),
        }
    }
}

impl<S: Clone, F> Clone for Planted<S, F> {
    fn clone(&self) -> Self {
        Self {
            store: self.store.clone(),
            fault: Arc::clone(&self.fault),
        }
    }
}

#[async_trait]
impl<S: EventStore, F: Fault<S>> UnitOfWork for Planted<S, F> {
    type Transaction = S::Transaction;

    async fn begin(&self) -> Result<S::Transaction, StoreError> {
        self.store.begin().await
    }

    async fn commit(&self, transaction: S::Transaction) -> Result<(), WriteError> {
        self.store.commit(transaction).await
    }

    async fn rollback(&self, transaction: S::Transaction) -> Result<(), StoreError> {
        self.fault.rollback(&self.store, transaction).await
    }
}

#[async_trait]
impl<S: EventStore, F: Fault<S>> EventStore for Planted<S, F> {
    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.store.read_stream(stream, after).await
    }

    async fn append_all(&self, appends: Appends) -> Result<Vec<Appended>, WriteError> {
        self.fault.append_all(&self.store, appends).await
    }

    async fn appended_under(
        &self,
        idempotency: &Idempotency,
    ) -> Result<Option<Vec<Appended>>, WriteError> {
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
    ) -> Result<Vec<Appended>, WriteError> {
        self.fault
            .append_in(&self.store, transaction, appends)
            .await
    }

    async fn read_log(&self, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        self.fault.read_log(&self.store, query).await
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

/// Once in so many calls.
fn now_and_then(one_in: u16) -> bool {
    fastrand::u16(..one_in) == 0
}
