//! Names that two stores of two processes want.

use std::time::Duration;

use cqrs_core::{
    chain,
    ports::{Hold, HoldError, NameKind, Names},
};
use cqrs_postgres::{PgConfig, PgEventStore};

use crate::support::{fresh_store, run, url};

const LEASE: Duration = Duration::from_secs(2);

/// A handle as another process has it: with connections of its own.
async fn other_process(store: &PgEventStore) -> PgEventStore {
    let config = PgConfig::new(url())
        .schema(store.schema())
        .name_lease(LEASE);
    PgEventStore::connect(&config).await.expect("connects")
}

async fn hold(store: &PgEventStore) -> Result<Hold, HoldError> {
    store.hold(NameKind::Subscription, "balances").await
}

async fn hold_soon(store: &PgEventStore) -> Hold {
    loop {
        match hold(store).await {
            Ok(hold) => return hold,
            Err(HoldError::Held(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
            Err(error) => panic!("{}", chain(&error)),
        }
    }
}

/// Ends the session that holds names in this schema.
async fn end_session(store: &PgEventStore) {
    let sql = "select pg_terminate_backend(l.pid) from __schema__.name_lock('subscription', 'balances') as lock, pg_locks l \
               where l.locktype = 'advisory' and l.objsubid = 2 and l.classid = lock.high::oid and l.objid = lock.low::oid";
    run(store, sql).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_is_refused_and_learns_who_holds_the_name() {
    let store = fresh_store().await;
    let (one, two) = (other_process(&store).await, other_process(&store).await);
    let held = hold(&one).await.expect("is free");
    let Err(HoldError::Held(holder)) = hold(&two).await else {
        panic!("the name is held");
    };
    let own = format!("process {}", std::process::id());
    assert!(holder.process.starts_with(&own), "{holder}");
    assert!(holder.since.is_some(), "{holder}");
    let elsewhere = fresh_store().await;
    hold(&elsewhere)
        .await
        .expect("another schema has its own names");

    drop(held);
    let held = hold_soon(&two).await;
    two.close().await;
    hold_soon(&one).await;
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_whose_session_ends_learns_that_it_has_lost_the_name() {
    let store = fresh_store().await;
    let (one, two) = (other_process(&store).await, other_process(&store).await);
    let mut held = hold(&one).await.expect("is free");
    end_session(&store).await;
    let taken = hold_soon(&two).await;
    held.lost().await;
    assert!(matches!(hold(&one).await, Err(HoldError::Held(_))));
    drop(taken);
    hold_soon(&one).await;
}

/// The holder's machine is stopped: nothing of it runs, and its connection stays open.
#[test]
fn a_holder_that_is_stopped_loses_its_name_after_the_lease() {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build()
    };
    let (frozen, running) = (runtime().expect("starts"), runtime().expect("starts"));
    let store = running.block_on(fresh_store());
    let (one, two) = (
        frozen.block_on(other_process(&store)),
        running.block_on(other_process(&store)),
    );
    let mut held = frozen.block_on(hold(&one)).expect("is free");
    // From now on no task of the first process runs.
    let (thaw, wait) = std::sync::mpsc::channel::<()>();
    frozen.spawn(async move { wait.recv() });
    let taken = running.block_on(hold_soon(&two));
    drop(thaw);
    frozen.block_on(held.lost());
    let refused = frozen.block_on(hold(&one));
    assert!(matches!(refused, Err(HoldError::Held(_))), "{refused:?}");
    drop(taken);
}
