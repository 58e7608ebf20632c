//! Leases: members that ask at the same time, and what the store refuses.

mod naive;

use std::time::Duration;

use cqrs_core::{
    StoreErrorKind, chain,
    model::Member,
    ports::{Control, Leases, Partitions, RepartitionError},
};
use cqrs_postgres::{PgConfig, PgEventStore};
use futures::future::join_all;

use crate::support::{fresh_store, run, url};

/// A handle as another process has it: with connections of its own.
async fn other_process(store: &PgEventStore) -> PgEventStore {
    let config = PgConfig::new(url()).schema(store.schema());
    PgEventStore::connect(&config).await.expect("connects")
}

/// A member that joins is not seen by the statements of others that have begun before. They must not take what it has.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_join_at_once_one_has_the_relay() {
    let store = fresh_store().await;
    let mut processes = Vec::new();
    for _ in 0..8 {
        processes.push(other_process(&store).await);
    }
    for round in 0..200 {
        let relay = format!("relay {round}");
        let members = Vec::from_iter(processes.iter().map(|process| {
            let member = Member::this_process(process.lease_times());
            (process, member)
        }));
        let hold = async |(process, member): &(&PgEventStore, Member)| {
            let lease = process.hold_relay(&relay, member).await;
            lease.expect("the store takes it").held
        };
        let told = join_all(members.iter().map(hold)).await;
        let held = told.into_iter().filter(|held| *held).count();
        assert_eq!(held, 1, "round {round}");
    }
}

/// Until the time-out the server keeps the locks of a batch whose process was stopped. Who takes over would wait for them.
#[tokio::test]
async fn a_lease_that_ends_before_a_transactions_time_out_is_refused() {
    let store = fresh_store().await;
    let config = |lease| {
        PgConfig::new(url())
            .schema(store.schema())
            .idle_in_transaction_timeout(Duration::from_secs(10))
            .lease(Duration::from_secs(lease))
    };
    let error = PgEventStore::connect(&config(10)).await;
    let error = error.expect_err("is refused");
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error}");
    let text = chain(&error).to_string();
    assert!(text.contains("raise PgConfig::lease"), "{text}");
    let longer = PgEventStore::connect(&config(11)).await;
    longer.expect("is longer");
}

/// Rows by hand: two partitions have some slices, or none has.
#[tokio::test]
async fn two_layouts_at_once_are_refused() {
    let another =
        "insert into __schema__.checkpoints (subscription, partition, epoch, from_slice, to_slice)
                   values ('balances', 'log slices 0..1024', 1, 0, 1024)";
    let less = "delete from __schema__.checkpoints where from_slice = 0";
    for change in [another, less] {
        let store = fresh_store().await;
        store.subscribe("balances", 2).await.expect("subscribes");
        store.subscribe("balances", 1).await.expect("is known");
        run(&store, change).await;
        let error = store.subscribe("balances", 2).await;
        let error = error.expect_err("is refused");
        assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error}");
        let text = chain(&error).to_string();
        assert!(
            text.contains("balances do not have every slice once"),
            "{text}"
        );
        let made = store.repartition("balances", 4, "a test").await;
        assert!(matches!(made, Err(RepartitionError::Slices(_))), "{made:?}");
    }
}
