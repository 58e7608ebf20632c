//! Guarantees for commands to several aggregates: all or none, and each decided on the state that precedes its events.

use cqrs_core::{
    CommandStore, EventStore, ExecuteError, Position, RetryPolicy, StreamId, To, Version,
};
use tokio::task::JoinSet;

use super::purse::{Purse, PurseEvent};

fn pay(id: &str, amount: u64) -> To<Purse> {
    To::new(id, amount)
}

async fn balance<S: EventStore>(store: &S, id: &str) -> u64 {
    let purse = store.repository::<Purse>().load(id).await;
    purse.expect("loads").state.balance
}

/// A command sees the events of earlier commands to the same aggregate.
pub async fn commands_see_the_events_of_earlier_commands<S: EventStore>(store: S) {
    let done = store
        .execute_all([pay("a", 1), pay("b", 2), pay("a", 3)])
        .correlation_id("visit")
        .await
        .expect("executes");
    let places = done.streams.iter();
    let places = places.map(|place| (place.stream.id(), place.version.get()));
    assert_eq!(Vec::from_iter(places), [("a", 2), ("b", 1)]);
    assert_eq!(
        (balance(&store, "a").await, balance(&store, "b").await),
        (4, 2)
    );
    let stream = StreamId::of::<PurseEvent>("a").expect("valid");
    let events = store.read_stream(&stream, Version::EMPTY).await;
    for event in events.expect("reads") {
        assert_eq!(event.metadata.correlation_id.as_deref(), Some("visit"));
    }
}

/// A repeat does nothing and returns the first result.
pub async fn a_request_under_a_key_takes_effect_once<S: EventStore>(store: S) {
    let send = async |amount| {
        let set = [pay("a", amount), pay("b", amount)];
        store.execute_all(set).idempotency_key("k").await
    };
    let first = send(5).await.expect("executes");
    let again = send(5).await.expect("is a repeat");
    assert!(again.repeated && !first.repeated);
    assert_eq!(Position::from(&again), Position::from(&first));
    assert_eq!(balance(&store, "a").await, 5);
    let other = send(6).await.expect_err("another request");
    assert!(matches!(other, ExecuteError::KeyReused(_)), "{other:?}");
}

/// Each event contains the balance that it was decided on, which must be the balance before it.
pub async fn concurrent_requests_decide_on_the_state_before_them<S: EventStore>(store: S) {
    let mut sets = JoinSet::new();
    for n in 0..24u64 {
        let store = store.clone();
        sets.spawn(async move {
            let retry = RetryPolicy::default().attempts(1_000);
            let one = n % 3;
            let two = (n + 1) % 3;
            let set = [pay(&one.to_string(), n), pay(&two.to_string(), n)];
            store.execute_all(set).retry(retry).await.expect("executes");
        });
    }
    sets.join_all().await;
    let mut total = 0;
    for id in ["0", "1", "2"] {
        let stream = StreamId::of::<PurseEvent>(id).expect("valid");
        let mut sum = 0;
        for event in store
            .replay(&stream, Version::EMPTY)
            .await
            .expect("replays")
        {
            let payload: serde_json::Value = serde_json::from_slice(&event.payload).expect("JSON");
            assert_eq!(payload["before"].as_u64(), Some(sum), "{id}: {event:?}");
            sum += payload["amount"].as_u64().expect("a number");
        }
        total += sum;
    }
    assert_eq!(total, 2 * (0..24).sum::<u64>());
}
