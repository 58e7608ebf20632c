//! A runner and a relay are stopped while the store does not answer their read.

use std::time::Duration;

use cqrs_core::Runner;
use cqrs_postgres::{PgConfig, PgEventStore};
use cqrs_tests::{
    domain::{Counts, count},
    servers::{MAX_WAIT, create_topics, eventually, fresh_name, kafka, setting},
};
use sqlx::AssertSqlSafe;

use crate::support::relay;

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_and_a_relay_stop_while_a_page_is_read() {
    let schema = fresh_name();
    let kafka = kafka(&schema);
    create_topics(&kafka).await;
    // No time limit ends the read.
    let config = PgConfig::new(setting("DATABASE_URL"))
        .schema(&schema)
        .statement_timeout(Duration::from_secs(3_600));
    PgEventStore::install(&config).await.expect("installs");
    let store = PgEventStore::connect(&config).await.expect("connects");
    count(&store, 5).await;
    let runner = Runner::over_log(&store, Counts).expect("a view");
    let relay = relay(&store, &kafka);
    let (mut reads, mut publishes) = (runner.progress(), relay.progress());
    let (stop, _) = tokio::sync::broadcast::channel::<()>(1);
    let stopped = || {
        let mut stop = stop.subscribe();
        async move { drop(stop.recv().await) }
    };
    let running = tokio::spawn(runner.run(stopped()));
    let relaying = tokio::spawn(relay.run(stopped()));
    let caught_up = |phase: &_| *phase == cqrs_core::run_loop::Phase::CaughtUp;
    reads.until(caught_up).await;
    publishes.until(caught_up).await;

    let mut lock = store.pool().begin().await.expect("begins");
    let sql = format!("lock table {schema}.events in access exclusive mode");
    let locked = sqlx::query(AssertSqlSafe(sql)).execute(&mut *lock);
    locked.await.expect("locks");
    let waiting = format!(
        "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and strpos(query, '{schema}') > 0"
    );
    eventually("both wait for their page", async || {
        let asked = sqlx::query_scalar::<_, i64>(AssertSqlSafe(waiting.clone()));
        asked.fetch_one(store.pool()).await.expect("asks") >= 2
    })
    .await;
    drop(stop);
    let stopped = tokio::time::timeout(MAX_WAIT, running).await;
    let stopped = stopped.expect("stops while the table is locked");
    stopped.expect("no panic").expect("was stopped");
    let stopped = tokio::time::timeout(MAX_WAIT, relaying).await;
    let stopped = stopped.expect("stops while the table is locked");
    stopped.expect("no panic").expect("was stopped");
    lock.rollback().await.expect("unlocks");
}
