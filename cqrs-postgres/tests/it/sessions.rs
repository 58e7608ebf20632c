//! The server ends the session of a client that was stopped.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use cqrs_core::{
    EventId, Position, StoreErrorKind, chain,
    model::{Checkpoint, PartitionId, Slices},
    ports::{Checkpoints, Documents, UnitOfWork},
};
use cqrs_postgres::{PgConfig, PgEventStore};
use futures::future::join_all;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::{
    gate::{Gate, Place},
    proxy::{Network, Proxy},
    support::{
        claimed, fresh_config, fresh_schema, fresh_store, number, open_append, run, until, url,
        with_parameter,
    },
};

const VIEW: &str = "accounts";

/// Far more than the buffers of two sockets hold.
const LARGE: &str = "insert into __schema__.view_accounts (key, version, body)
                     select 'k' || n, 1, to_jsonb(repeat('x', 1000000)) from generate_series(1, 50) n";

#[tokio::test]
async fn a_client_that_stops_reading_does_not_keep_a_checkpoint() {
    let config = fresh_config().idle_in_transaction_timeout(Duration::from_secs(2));
    PgEventStore::install(&config).await.expect("installs");
    let stopped = PgEventStore::connect(&config).await.expect("connects");
    stopped.prepare_view(VIEW).await.expect("prepares");
    run(&stopped, LARGE).await;
    let partition = PartitionId::Log(Slices::ALL);
    let claim = claimed(&stopped, "s", &partition).await;
    let mut transaction = stopped.begin().await.expect("begins");
    let to = Checkpoint::after(Position::new(1), EventId::random());
    stopped
        .advance_in(&mut transaction, "s", &partition, claim.epoch, claim.at, to)
        .await
        .expect("advances");
    let pid: i32 = sqlx::query_scalar("select pg_backend_pid()")
        .fetch_one(&mut *transaction)
        .await
        .expect("reads");
    // The next load is sent in one message, because this one has prepared it.
    let none = stopped.load_in(&mut transaction, VIEW, &[]).await;
    assert!(none.expect("loads").is_empty());
    let keys: Vec<String> = (1..=50).map(|n| format!("k{n}")).collect();
    let mut load = pin!(stopped.load_in(&mut transaction, VIEW, &keys));
    // Polled only once: the client does not read the answer.
    let first = poll_fn(|context| Poll::Ready(load.as_mut().poll(context))).await;
    assert!(first.is_pending());

    let successor = PgEventStore::connect(&config).await.expect("connects");
    let blocked = format!(
        "select count(*) from pg_stat_activity where pid = {pid} and wait_event = 'ClientWrite'"
    );
    until("the server cannot send more", async || {
        number(&successor, &blocked).await == 1
    })
    .await;
    until("the successor claims", async || {
        successor.claim("s", &partition, None).await.is_ok()
    })
    .await;
    let claim = claimed(&successor, "s", &partition).await;
    assert_eq!(claim.at, None, "nothing of the stopped client is committed");
    let mut transaction = successor.begin().await.expect("begins");
    successor
        .advance_in(&mut transaction, "s", &partition, claim.epoch, claim.at, to)
        .await
        .expect("advances");
    successor.commit(transaction).await.expect("commits");
}

#[tokio::test]
async fn a_locked_view_does_not_collect_server_processes() {
    const CONNECTIONS: u32 = 2;
    let name = format!("locked-{}", Uuid::now_v7());
    let shown = with_parameter(&format!("application_name={name}"));
    let config = PgConfig::new(shown)
        .schema(fresh_schema())
        .max_connections(CONNECTIONS);
    let config = config.statement_timeout(Duration::from_millis(200));
    PgEventStore::install(&config).await.expect("installs");
    let store = PgEventStore::connect(&config).await.expect("connects");
    store.prepare_view(VIEW).await.expect("prepares");
    let mut keeper = PgConnection::connect(&url()).await.expect("connects");
    let lock = format!("begin; lock table \"{}\".view_accounts", store.schema());
    let locked = keeper.execute(sqlx::raw_sql(AssertSqlSafe(lock))).await;
    locked.expect("locks");
    for _ in 0..3 {
        let readers = [(); 4].map(|()| store.document(VIEW, "k"));
        for read in join_all(readers).await {
            let error = read.expect_err("the table is locked");
            assert_eq!(error.kind(), StoreErrorKind::Unavailable);
            let said = chain(&error).to_string();
            assert!(said.contains("statement timeout"), "{said}");
        }
    }
    let processes = "select count(*) from pg_stat_activity where application_name = $1";
    until("no more processes than connections", async || {
        let counted = sqlx::query_scalar(processes).bind(&name);
        let counted: i64 = counted.fetch_one(&mut keeper).await.expect("counts");
        counted <= i64::from(CONNECTIONS)
    })
    .await;
    keeper.execute("rollback").await.expect("unlocks");
    let document = store.document(VIEW, "k").await.expect("reads");
    assert_eq!(document, None);
}

/// A commit that takes longer than a statement may: a deferred trigger makes it slow.
#[tokio::test]
async fn the_time_limit_of_a_statement_does_not_end_a_commit() {
    let direct = fresh_store().await;
    // The first append of a session may take a fifth of a second on a busy machine.
    let limit = Duration::from_secs(1);
    let config = PgConfig::new(url()).schema(direct.schema());
    let store = PgEventStore::connect(&config.statement_timeout(limit)).await;
    let store = store.expect("connects");
    let mut gate = Gate::close(&direct, Place::Commit).await;
    let transaction = open_append(&store, "slow").await;
    let commit = tokio::spawn({
        let store = store.clone();
        async move { store.commit(transaction).await }
    });
    let longer = "select count(*) from pg_stat_activity
                  where pid = $1 and now() - query_start > interval '2 seconds'";
    until("the commit takes longer than the limit", async || {
        let [process] = gate.waiting().await[..] else {
            return false;
        };
        let waits = sqlx::query_scalar(longer).bind(process);
        let waits: i64 = waits.fetch_one(direct.pool()).await.expect("reads");
        waits == 1
    })
    .await;
    gate.open().await;
    commit.await.expect("does not panic").expect("commits");
}

#[tokio::test]
async fn the_error_says_whether_connections_are_used_or_impossible() {
    let schema = fresh_store().await.schema().to_owned();
    let proxy = Proxy::start().await;
    let config = proxy.config(&schema).max_connections(1);
    let limit = Duration::from_millis(500);
    let config = config.connect_timeout(limit).statement_timeout(limit);
    let store = PgEventStore::connect(&config).await.expect("connects");
    let says = async |words: &str| {
        let error = store.begin().await.expect_err("there is no connection");
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        let said = chain(&error).to_string();
        assert!(said.contains(words), "{said}");
    };
    let transaction = store.begin().await.expect("begins");
    says("all 1 connections for transactions and reads are in use").await;
    drop(transaction);
    proxy.set(Network::Silent);
    until("the network is known to be silent", async || {
        let error = store.begin().await.expect_err("there is no connection");
        chain(&error).to_string().contains("cannot be reached")
    })
    .await;
    proxy.strand();
    proxy.set(Network::Open);
    until("a transaction begins", async || match store.begin().await {
        Ok(transaction) => store.rollback(transaction).await.is_ok(),
        Err(_) => false,
    })
    .await;
}

/// One statement that deletes row by row runs into the limit of statements, and never succeeds on a large table.
#[tokio::test]
async fn a_reset_empties_a_view_whatever_its_size() {
    let store = fresh_store().await;
    store.prepare_view(VIEW).await.expect("prepares");
    let file = "select pg_relation_filenode('__schema__.view_accounts')::bigint";
    let documents = "select count(*) from __schema__.view_accounts";
    let insert = "insert into __schema__.view_accounts (key, version, body)
                  select 'k' || n, 1, '{}' from generate_series(1, 1000) n";
    run(&store, insert).await;
    let before = number(&store, file).await;
    let clear = async || {
        let mut transaction = store.begin().await.expect("begins");
        let cleared = store.clear_in(&mut transaction, VIEW).await;
        (transaction, cleared)
    };
    let (transaction, cleared) = clear().await;
    cleared.expect("clears");
    store.rollback(transaction).await.expect("rolls back");
    assert_eq!(number(&store, documents).await, 1_000);

    let mut reader = store.begin().await.expect("begins");
    let read = format!("select 1 from {}", store.view_table(VIEW).expect("a name"));
    (&mut *reader)
        .execute(AssertSqlSafe(read))
        .await
        .expect("reads");
    let (transaction, held_up) = clear().await;
    let error = held_up.expect_err("a reader holds it up");
    assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error:?}");
    store.rollback(transaction).await.expect("rolls back");
    store.rollback(reader).await.expect("ends");

    let (transaction, cleared) = clear().await;
    cleared.expect("clears");
    store.commit(transaction).await.expect("commits");
    assert_eq!(number(&store, documents).await, 0);
    assert_ne!(
        number(&store, file).await,
        before,
        "no row was deleted by itself"
    );
}
