//! Guarantees of the [`Names`] port.

use std::time::Duration;

use cqrs_core::ports::{Hold, HoldError, NameKind, Names};

/// Holds a name as soon as its former holder has given it back.
async fn hold_again<S: Names>(store: &S, kind: NameKind, name: &str) -> Hold {
    loop {
        match store.hold(kind, name).await {
            Ok(hold) => return hold,
            Err(HoldError::Held(_)) => tokio::time::sleep(Duration::from_millis(1)).await,
            Err(error) => panic!("{error}"),
        }
    }
}

/// A name has one holder, until that gives it back. Other names, and those of another kind, are free.
pub async fn a_name_has_one_holder_at_a_time<S: Names>(store: S) {
    let held = store.hold(NameKind::Subscription, "orders").await;
    let held = held.expect("is free");
    for handle in [&store, &store.clone()] {
        let second = handle.hold(NameKind::Subscription, "orders").await;
        let Err(HoldError::Held(holder)) = second else {
            panic!("the name is held, and the error says by whom: {second:?}");
        };
        assert!(holder.process.contains("process"), "{holder}");
        assert!(holder.since.is_some(), "{holder}");
    }
    let relay = store.hold(NameKind::Relay, "orders").await;
    let relay = relay.expect("a relay of that name is another one");
    let other = store.hold(NameKind::Subscription, "other").await;
    let other = other.expect("is free");
    drop(held);
    let again = hold_again(&store, NameKind::Subscription, "orders").await;
    for (kind, name) in [
        (NameKind::Relay, "orders"),
        (NameKind::Subscription, "other"),
    ] {
        let second = store.hold(kind, name).await;
        assert!(matches!(second, Err(HoldError::Held(_))), "{second:?}");
    }
    drop((again, relay, other));
    hold_again(&store, NameKind::Subscription, "orders").await;
}

/// Of many that ask at once, one holds the name.
pub async fn one_of_many_holds_a_name<S: Names>(store: S) {
    let ask = |_| {
        let store = store.clone();
        tokio::spawn(async move { store.hold(NameKind::Relay, "orders").await })
    };
    let asked: Vec<_> = (0..20).map(ask).collect();
    let mut held = Vec::new();
    for asked in asked {
        match asked.await.expect("no panic") {
            Ok(hold) => held.push(hold),
            Err(HoldError::Held(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(held.len(), 1);
}
