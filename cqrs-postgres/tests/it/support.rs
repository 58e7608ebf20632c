//! A new store for each test, in its own schema on the server that `DATABASE_URL` names, and helpers to write to it.

use std::time::Duration;

use bytes::Bytes;
use cqrs_core::{
    EventId, EventStore, ExpectedVersion, Metadata, StoreErrorKind, StreamId,
    model::{Category, Claim, NewEvent, PartitionId},
    ports::{Append, AppendError, Appended, Appends, Checkpoints, Partitions, UnitOfWork},
};
use cqrs_postgres::{PgConfig, PgEventStore, PgTransaction};
use sqlx::{AssertSqlSafe, Executor};
use tokio::task::JoinHandle;
use uuid::Uuid;

pub(crate) fn url() -> String {
    std::env::var("DATABASE_URL").expect(
        "these tests need PostgreSQL: run scripts/test, which starts one, or set DATABASE_URL to a server of yours",
    )
}

/// The URL with one more parameter.
pub(crate) fn with_parameter(parameter: &str) -> String {
    let url = url();
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{parameter}")
}

/// A unique name.
pub(crate) fn fresh_schema() -> String {
    format!("test_{}", Uuid::now_v7().simple())
}

/// Settings with a unique schema.
pub(crate) fn fresh_config() -> PgConfig {
    PgConfig::new(url())
        .schema(fresh_schema())
        .max_connections(20)
}

pub(crate) async fn fresh_store() -> PgEventStore {
    let config = fresh_config();
    PgEventStore::install(&config).await.expect("installs");
    PgEventStore::connect(&config).await.expect("connects")
}

pub(crate) fn stream(id: &str) -> StreamId {
    StreamId::new(Category::new("account").expect("valid"), id).expect("valid")
}

/// An append of `count` events to an account.
pub(crate) fn append(id: &str, count: usize) -> Append {
    let stream = stream(id);
    let event = || {
        NewEvent::from_parts(
            EventId::random(),
            "Happened",
            Bytes::from_static(b"1"),
            Metadata::default(),
        )
    };
    Append::new(
        stream,
        ExpectedVersion::Any,
        (0..count).map(|_| event()).collect(),
    )
}

/// An open transaction that has appended to `id`.
pub(crate) async fn open_append(store: &PgEventStore, id: &str) -> PgTransaction {
    let mut transaction = store.begin().await.expect("begins");
    store
        .append_in(&mut transaction, append(id, 1).into())
        .await
        .expect("appends");
    transaction
}

/// Appends in one call or in a transaction: with an early transaction id, a savepoint, a pause or a rollback.
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

/// The outcome of an append.
pub(crate) type Outcome = Result<Vec<Appended>, AppendError>;

/// Starts concurrent appends. On a runtime with one thread the first one runs alone and the others share a batch.
pub(crate) fn start<A: Into<Appends>>(
    store: &PgEventStore,
    appends: impl IntoIterator<Item = A>,
) -> Vec<JoinHandle<Outcome>> {
    let one = |appends: A| {
        let (store, appends) = (store.clone(), appends.into());
        tokio::spawn(async move { store.append_all(appends).await })
    };
    appends.into_iter().map(one).collect()
}

/// The outcomes of the started appends, in their order.
pub(crate) async fn outcomes(started: Vec<JoinHandle<Outcome>>) -> Vec<Outcome> {
    let mut outcomes = Vec::with_capacity(started.len());
    for append in started {
        outcomes.push(append.await.expect("does not panic"));
    }
    outcomes
}

/// Claims a partition, of a subscription that has one partition of the log.
pub(crate) async fn claimed(store: &PgEventStore, of: &str, partition: &PartitionId) -> Claim {
    store.subscribe(of, 1).await.expect("subscribes");
    let claim = store.claim(of, partition, None).await.expect("claims");
    claim.expect("it is there")
}

/// The kind of the store's error, if the write failed with one.
pub(crate) fn kind<T>(outcome: &Result<T, AppendError>) -> Option<StoreErrorKind> {
    match outcome {
        Err(AppendError::Store(error)) => Some(error.kind()),
        _ => None,
    }
}

/// The result of a query with `__schema__` in it.
pub(crate) async fn number(store: &PgEventStore, sql: &str) -> i64 {
    let sql = sql.replace("__schema__", &format!("\"{}\"", store.schema()));
    sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(store.pool())
        .await
        .expect("reads")
}

/// Runs statements with `__schema__` in them.
pub(crate) async fn run(store: &PgEventStore, sql: &str) {
    let sql = sql.replace("__schema__", &format!("\"{}\"", store.schema()));
    let ran = store.pool().execute(sqlx::raw_sql(AssertSqlSafe(sql)));
    ran.await.expect("runs");
}

/// The number of sessions that wait for the lock of an account.
pub(crate) async fn waiting_for(store: &PgEventStore, id: &str) -> i64 {
    let sql = format!(
        "select count(*) from pg_locks where locktype = 'advisory' and not granted
         and (classid::bigint << 32 | objid::bigint) = __schema__.stream_guard('account', '{id}')"
    );
    number(store, &sql).await
}

/// Waits until the condition holds, for at most a minute.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), waiting).await;
    assert!(waited.is_ok(), "after a minute still not: {what}");
}
