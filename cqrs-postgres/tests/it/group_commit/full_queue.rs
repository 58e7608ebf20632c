//! More concurrent callers than the queue has room for: they wait, and dropped calls leave no partial append.

use cqrs_core::{EventStore, ports::Appends};
use cqrs_postgres::PgEventStore;
use tokio::task::JoinHandle;

use crate::{
    proxy::{Network, Proxy},
    support::{Outcome, append, fresh_store, number, outcomes, start},
};

/// More callers than the queue and the writer have room for.
const CALLERS: usize = 3_000;

/// Callers with two streams each, on a network that has just gone silent: the first ones share a batch, the next ones wait in
/// the queue, and the last ones wait for room in it.
async fn fill_queue(proxy: &Proxy, store: &PgEventStore) -> Vec<JoinHandle<Outcome>> {
    for outcome in outcomes(start(
        store,
        (0..9).map(|n| append(&format!("warm-{n}"), 1)),
    ))
    .await
    {
        outcome.expect("appends");
    }
    proxy.set(Network::Silent);
    let two = |n: usize| {
        Appends::from([
            append(&format!("a-{n:04}"), 1),
            append(&format!("b-{n:04}"), 1),
        ])
    };
    let waiting = start(store, (0..CALLERS).map(two));
    // On this single thread each call runs until it must wait.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.iter().any(|caller| caller.is_finished()));
    waiting
}

async fn through(proxy: &Proxy) -> (PgEventStore, PgEventStore) {
    let direct = fresh_store().await;
    let config = proxy.config(direct.schema());
    (
        PgEventStore::connect(&config).await.expect("connects"),
        direct,
    )
}

#[tokio::test]
async fn more_callers_than_the_queue_holds_all_succeed() {
    let proxy = Proxy::start().await;
    let (store, direct) = through(&proxy).await;
    let waiting = fill_queue(&proxy, &store).await;
    proxy.set(Network::Open);
    for outcome in outcomes(waiting).await {
        assert_eq!(outcome.expect("appends").len(), 2);
    }
    let pairs = "select count(*) from __schema__.events where aggregate_id !~ '^warm'";
    assert_eq!(
        number(&direct, pairs).await,
        2 * i64::try_from(CALLERS).expect("few")
    );
}

#[tokio::test]
async fn a_dropped_append_does_not_affect_the_others() {
    let proxy = Proxy::start().await;
    let (store, direct) = through(&proxy).await;
    let mut waiting = fill_queue(&proxy, &store).await;
    let mut dropped = Vec::new();
    for (n, caller) in waiting.iter().enumerate() {
        if n % 3 == 0 {
            caller.abort();
            dropped.push(n);
        }
    }
    waiting = waiting
        .into_iter()
        .enumerate()
        .filter(|(n, _)| n % 3 != 0)
        .map(|(_, caller)| caller)
        .collect();
    proxy.set(Network::Open);
    for outcome in outcomes(waiting).await {
        assert_eq!(outcome.expect("appends").len(), 2);
    }
    store.append(append("last", 1)).await.expect("appends");
    let halves = "select count(*) from (
        select count(*) as events from __schema__.events where aggregate_id like '_-____' group by right(aggregate_id, 4)
    ) as callers where events <> 2";
    assert_eq!(number(&direct, halves).await, 0);
    // Calls that had not sent their append have appended nothing.
    let unsent = format!(
        "select count(*) from __schema__.events where aggregate_id like 'a-____' \
                  and right(aggregate_id, 4)::int % 3 = 0 and right(aggregate_id, 4)::int > {}",
        CALLERS / 2
    );
    assert_eq!(number(&direct, &unsent).await, 0);
    assert!(dropped.len() * 3 >= CALLERS);
}
