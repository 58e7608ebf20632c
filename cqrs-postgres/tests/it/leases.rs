//! Leases of members that ask at the same time.

use cqrs_core::{model::Member, ports::Leases};
use cqrs_postgres::{PgConfig, PgEventStore};
use futures::future::join_all;

use crate::support::{fresh_store, url};

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
