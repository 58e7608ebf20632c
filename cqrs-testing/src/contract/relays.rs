//! Guarantees of the [`Leases`] port: one member has a relay.

use std::time::Duration;

use cqrs_core::{
    model::{LeaseTimes, Member, MemberId},
    ports::{Leases, Partitions, RelayLease},
};

/// Nobody dies.
const STEADY: LeaseTimes = LeaseTimes::new(Duration::from_secs(3_600), Duration::ZERO);

/// Whoever was not heard of for a moment is dead.
const SHORT: LeaseTimes = LeaseTimes::new(Duration::from_millis(20), Duration::ZERO);

fn member(name: &str, times: LeaseTimes) -> Member {
    Member::new(MemberId::random(), name, times)
}

async fn hold<S: Leases>(store: &S, relay: &str, member: &Member) -> RelayLease {
    let lease = store.hold_relay(relay, member).await;
    lease.expect("the store takes it")
}

/// A relay has one holder, until that leaves. Relays of other names are free, and so is a subscription of the same name.
pub async fn a_relay_has_one_holder_at_a_time<S: Partitions>(store: S) {
    let (first, second) = (member("one", STEADY), member("two", STEADY));
    for _ in 0..2 {
        assert_eq!(
            hold(&store, "orders", &first).await,
            RelayLease::new(true, "one")
        );
        assert_eq!(
            hold(&store, "orders", &second).await,
            RelayLease::new(false, "one")
        );
    }
    assert!(hold(&store, "other", &second).await.held);
    store.subscribe("orders", 2).await.expect("makes it known");
    let told = store.heartbeat("orders", &second, &[]).await;
    assert_eq!(told.expect("is another one").leased.len(), 2);
    store
        .leave("orders", first.id)
        .await
        .expect("changes no relay");
    assert!(hold(&store, "orders", &first).await.held);

    let left = store.leave_relay("orders", first.id).await;
    left.expect("leaves");
    assert_eq!(
        hold(&store, "orders", &second).await,
        RelayLease::new(true, "two")
    );
    assert!(!hold(&store, "orders", &first).await.held);
    let told = store.heartbeat("orders", &second, &[]).await;
    assert_eq!(told.expect("is a member").leased.len(), 2);
}

/// The holder is dead: it was killed, stopped or cut off.
pub async fn a_relay_that_is_not_heard_of_is_taken_over<S: Leases>(store: S) {
    let (first, second) = (member("one", SHORT), member("two", STEADY));
    assert!(hold(&store, "orders", &first).await.held);
    while !hold(&store, "orders", &second).await.held {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let told = hold(&store, "orders", &first).await;
    assert_eq!(
        told,
        RelayLease::new(false, "two"),
        "it comes back, and waits in turn"
    );
}

/// Of many that ask at once, one has the relay.
pub async fn one_of_many_takes_a_relay<S: Leases>(store: S) {
    let ask = |_| {
        let store = store.clone();
        tokio::spawn(async move {
            let member = member("a test", STEADY);
            hold(&store, "orders", &member).await.held
        })
    };
    let asked = Vec::from_iter((0..20).map(ask));
    let mut held = 0;
    for asked in asked {
        held += usize::from(asked.await.expect("no panic"));
    }
    assert_eq!(held, 1);
}
