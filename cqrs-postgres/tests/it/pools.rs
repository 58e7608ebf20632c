//! Appends have connections of their own, and no pool keeps a connection on which every later call would fail.

use cqrs_core::{EventStore, StoreErrorKind, ports::UnitOfWork};
use cqrs_postgres::PgEventStore;
use sqlx::Executor;

use crate::support::{append, fresh_config, kind, number, open_append};

#[tokio::test]
async fn transactions_that_wait_for_appends_do_not_starve_them() {
    const TRANSACTIONS: usize = 300;
    let config = fresh_config().max_connections(3);
    PgEventStore::install(&config).await.expect("installs");
    let store = PgEventStore::connect(&config).await.expect("connects");
    let each = (0..TRANSACTIONS).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let transaction = open_append(&store, &format!("in-{n}")).await;
            // While all connections for transactions are taken.
            let apart = append(&format!("apart-{n}"), 1);
            store.append(apart).await.expect("appends");
            store.commit(transaction).await.expect("commits");
        })
    });
    let each: Vec<_> = each.collect();
    for one in each {
        one.await.expect("does not panic");
    }
    let events = number(&store, "select count(*) from __schema__.events").await;
    assert_eq!(events.unsigned_abs(), 2 * TRANSACTIONS as u64);
}

#[tokio::test]
async fn a_session_that_can_only_read_does_not_stay_in_the_pool() {
    let config = fresh_config().max_connections(1);
    PgEventStore::install(&config).await.expect("installs");
    let store = PgEventStore::connect(&config).await.expect("connects");
    // As after a fail-over: the session leads to a server that is no primary.
    let read_only = "set session characteristics as transaction read only";
    store.pool().execute(read_only).await.expect("sets");
    let mut transaction = store.begin().await.expect("begins");
    let rejected = store
        .append_in(&mut transaction, append("a", 1).into())
        .await;
    assert_eq!(kind(&rejected), Some(StoreErrorKind::Misconfigured));
    store.rollback(transaction).await.expect("rolls back");

    let transaction = open_append(&store, "a").await;
    store.commit(transaction).await.expect("commits");
}
