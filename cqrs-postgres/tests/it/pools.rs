//! Appends have connections of their own, and no pool keeps a connection on which every later call would fail.

use cqrs_core::{
    EventStore, Runner, StoreErrorKind, View,
    ports::{Documents, Snapshots, UnitOfWork},
    run_loop::Phase,
};
use cqrs_postgres::PgEventStore;
use futures::future::join_all;
use sqlx::{AssertSqlSafe, Executor};

use crate::{
    dump::readers::{Diary, diary},
    rights::{Roles, admin},
    support::{append, fresh_config, kind, number, open_append, stream, until},
};

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
    assert_eq!(kind(&rejected), Some(StoreErrorKind::Unavailable));
    store.rollback(transaction).await.expect("rolls back");

    let transaction = open_append(&store, "a").await;
    store.commit(transaction).await.expect("commits");
}

/// How many sessions each pool of [`outdated`] holds.
const SESSIONS: u32 = 4;

/// A store whose pools hold sessions from a time when the server was read-only, which it is no longer.
async fn outdated(roles: &Roles) -> PgEventStore {
    let [_, config, _] = roles.installed().await;
    let [_, role, _] = roles.names();
    let mut admin = admin().await;
    let mut set = async |sql: String| {
        let done = admin.execute(AssertSqlSafe(sql)).await;
        done.expect("sets");
    };
    set(format!(
        "alter role {role} set default_transaction_read_only = on"
    ))
    .await;
    let store = PgEventStore::connect(&config.max_connections(SESSIONS)).await;
    let store = store.expect("connects");
    let begun = join_all((0..SESSIONS).map(|_| store.begin())).await;
    for transaction in begun {
        drop(transaction.expect("begins"));
    }
    let stream = stream("a");
    let loads = (0..SESSIONS).map(|_| store.replay_from_snapshot(&stream, 0));
    for loaded in join_all(loads).await {
        loaded.expect("loads");
    }
    until("they are idle", async || {
        store.pool().num_idle() == SESSIONS as usize
    })
    .await;
    set(format!(
        "alter role {role} reset default_transaction_read_only"
    ))
    .await;
    store
}

/// As many transactions at once as there are sessions.
async fn write_on_every_session(store: &PgEventStore) {
    let streams: Vec<String> = (0..SESSIONS).map(|n| format!("s{n}")).collect();
    let open = streams.iter().map(|stream| open_append(store, stream));
    for transaction in join_all(open).await {
        store.commit(transaction).await.expect("commits");
    }
}

#[tokio::test]
async fn after_one_read_only_error_every_transaction_can_write() {
    let roles = Roles::create().await;
    let store = outdated(&roles).await;
    let mut transaction = store.begin().await.expect("begins");
    let rejected = store
        .append_in(&mut transaction, append("a", 1).into())
        .await;
    assert_eq!(kind(&rejected), Some(StoreErrorKind::Unavailable));
    store.rollback(transaction).await.expect("rolls back");
    write_on_every_session(&store).await;
    store.append(append("a", 1)).await.expect("appends");
    store.close().await;
    roles.drop().await;
}

#[tokio::test]
async fn after_one_read_only_error_every_append_succeeds() {
    let roles = Roles::create().await;
    let store = outdated(&roles).await;
    let rejected = store.append(append("a", 1)).await;
    assert_eq!(kind(&rejected), Some(StoreErrorKind::Unavailable));
    for _ in 0..2 * SESSIONS {
        store.append(append("a", 1)).await.expect("appends");
    }
    write_on_every_session(&store).await;
    store.close().await;
    roles.drop().await;
}

#[tokio::test]
async fn a_read_only_error_of_the_users_own_statement_counts_too() {
    let roles = Roles::create().await;
    for commits in [true, false] {
        let store = outdated(&roles).await;
        let mut transaction = store.begin().await.expect("begins");
        let claim = format!("select \"{}\".claim('s', 'p')", store.schema());
        let claimed = transaction.execute(AssertSqlSafe(claim)).await;
        let error = claimed.expect_err("the session can only read").to_string();
        assert!(error.contains("read-only"), "{error}");
        if commits {
            let committed = store.commit(transaction).await;
            committed.expect_err("a statement has failed");
        } else {
            store.rollback(transaction).await.expect("rolls back");
        }
        write_on_every_session(&store).await;
        store.close().await;
    }
    roles.drop().await;
}

/// As between the demotion of a primary and the promotion of another one.
#[tokio::test]
async fn a_runner_waits_for_the_end_of_a_read_only_time() {
    let roles = Roles::create().await;
    let [owner, config, _] = roles.installed().await;
    let [_, role, _] = roles.names();
    let owner = PgEventStore::connect(&owner).await.expect("connects");
    owner.append(append("a", 3)).await.expect("appends");
    owner.prepare_view(Diary::NAME).await.expect("prepares");
    let mut admin = admin().await;
    let mut set = async |how: &str| {
        let sql = format!("alter role {role} {how}");
        admin.execute(AssertSqlSafe(sql)).await.expect("sets");
    };
    set("set default_transaction_read_only = on").await;
    let store = PgEventStore::connect(&config).await.expect("connects");
    let runner = Runner::over_log(&store, Diary).expect("a view");
    let progress = runner.progress();
    let running = tokio::spawn(runner.catch_up());
    until("it tries again", async || {
        matches!(progress.phase(), Phase::Retrying { .. })
    })
    .await;
    set("reset default_transaction_read_only").await;
    running.await.expect("no panic").expect("catches up");
    assert_eq!(diary(&owner).await.len(), 3);
    owner.close().await;
    store.close().await;
    roles.drop().await;
}
