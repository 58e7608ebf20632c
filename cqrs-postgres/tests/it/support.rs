//! A fresh store for each test, a schema of its own in the server that `DATABASE_URL` names, and ways to write to it.

use std::time::Duration;

use bytes::Bytes;
use cqrs_core::{
    Append, Category, EventId, EventStore, ExpectedVersion, Metadata, NewEvent, StreamId,
    UnitOfWork,
};
use cqrs_postgres::{PgConfig, PgEventStore, PgTransaction};
use sqlx::Executor;
use uuid::Uuid;

pub(crate) fn url() -> String {
    std::env::var("DATABASE_URL").expect(
        "these tests need PostgreSQL: run scripts/test, which starts one, or set DATABASE_URL to a server of yours",
    )
}

/// Settings for a schema that nobody else uses.
pub(crate) fn fresh_config() -> PgConfig {
    PgConfig::new(url())
        .schema(format!("test_{}", Uuid::now_v7().simple()))
        .max_connections(20)
}

pub(crate) async fn fresh_store() -> PgEventStore {
    let config = fresh_config();
    PgEventStore::install(&config).await.expect("installs");
    PgEventStore::connect(&config).await.expect("connects")
}

/// `count` events to an account.
pub(crate) fn append(id: &str, count: usize) -> Append {
    let stream = StreamId::new(Category::new("account").expect("valid"), id).expect("valid");
    let event = || NewEvent {
        id: EventId::random(),
        event_type: "Happened",
        payload: Bytes::from_static(b"1"),
        metadata: Metadata::default(),
    };
    Append {
        stream,
        expected: ExpectedVersion::Any,
        events: (0..count).map(|_| event()).collect(),
    }
}

/// A transaction that has appended to `id` and is left open.
pub(crate) async fn open_append(store: &PgEventStore, id: &str) -> PgTransaction {
    let mut transaction = store.begin().await.expect("begins");
    store
        .append_in(&mut transaction, append(id, 1).into())
        .await
        .expect("appends");
    transaction
}

/// At once or in a transaction: with an id taken early, a savepoint, a pause or a rollback.
pub(crate) async fn write_somehow(store: &PgEventStore, seed: u64) {
    let stream = format!("s{}", seed % 5);
    if seed.is_multiple_of(3) {
        store.append(append(&stream, 2)).await.expect("appends");
        return;
    }
    let mut transaction = store.begin().await.expect("begins");
    if seed.is_multiple_of(2) {
        transaction
            .execute("select pg_current_xact_id(); savepoint s")
            .await
            .expect("runs");
    }
    store
        .append_in(&mut transaction, append(&stream, 1).into())
        .await
        .expect("appends");
    if seed.is_multiple_of(7) {
        tokio::time::sleep(Duration::from_millis(seed % 4)).await;
    }
    match seed % 5 {
        0 => store.rollback(transaction).await.expect("rolls back"),
        _ => store.commit(transaction).await.expect("commits"),
    }
}
