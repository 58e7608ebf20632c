//! The store names the transaction that delays readers: an open one, or a prepared one without a session.

use std::time::Duration;

use cqrs_core::{EventStore, ports::UnitOfWork};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::support::{append, fresh_store, open_append, url};

#[tokio::test]
async fn an_open_transaction_is_named_until_it_ends() {
    let store = fresh_store().await;
    store.append(append("before", 1)).await.expect("appends");
    let mut transaction = open_append(&store, "a").await;
    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(&mut *transaction)
        .await
        .expect("reads");
    store.append(append("behind", 1)).await.expect("appends");
    let holders = store.fence_holders().await.expect("reads");
    let [holder] = &*holders else {
        panic!("one holds the mark: {holders:?}");
    };
    assert_eq!(
        store.high_water_mark().await.expect("reads"),
        holder.position
    );
    assert_eq!((holder.pid, &holder.prepared), (Some(pid), &None));
    assert_eq!(holder.state.as_deref(), Some("idle in transaction"));
    assert_eq!(holder.application_name.as_deref(), Some("cqrs"));
    assert!(holder.age.is_some_and(|age| age < Duration::from_secs(60)));
    assert_eq!(holder.query.as_deref(), Some("select pg_backend_pid()"));
    let said = holder.to_string();
    assert!(said.contains(&format!("process {pid}")), "{said}");
    store.rollback(transaction).await.expect("rolls back");
    assert_eq!(store.fence_holders().await.expect("reads"), []);
}

/// The server must allow prepared transactions, as the servers of `scripts/services` do.
#[tokio::test]
async fn a_prepared_transaction_is_named_without_a_process() {
    let store = fresh_store().await;
    store.append(append("before", 1)).await.expect("appends");
    let mut session = PgConnection::connect(&url()).await.expect("connects");
    let allowed: String = sqlx::query_scalar("show max_prepared_transactions")
        .fetch_one(&mut session)
        .await
        .expect("reads");
    assert_ne!(
        allowed, "0",
        "the server allows no prepared transactions: set max_prepared_transactions = 10 and restart it"
    );
    let name = format!("held-{}", Uuid::now_v7());
    let schema = store.schema();
    let prepare = format!(
        "begin; select \"{schema}\".take_fence(); select nextval('\"{schema}\".position'); prepare transaction '{name}'"
    );
    let prepared = session.execute(sqlx::raw_sql(AssertSqlSafe(prepare)));
    prepared.await.expect("prepares");
    session.close().await.expect("closes");
    let holders = store.fence_holders().await.expect("reads");
    let [holder] = &*holders else {
        panic!("one holds the mark: {holders:?}");
    };
    assert_eq!(
        (holder.pid, holder.prepared.as_deref()),
        (None, Some(&*name))
    );
    assert!(holder.age.is_some(), "{holder:?}");
    assert!(holder.to_string().contains(&name), "{holder}");
    let end = format!("rollback prepared '{name}'");
    let ended = store.pool().execute(sqlx::raw_sql(AssertSqlSafe(end)));
    ended.await.expect("ends");
    assert_eq!(store.fence_holders().await.expect("reads"), []);
}
