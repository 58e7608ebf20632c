//! A call that is dropped at any point leaves the store's connections usable.

use std::{future::poll_fn, pin::pin, task::Poll};

use cqrs_core::{EventStore, Version, ports::UnitOfWork};
use cqrs_postgres::PgEventStore;
use sqlx::Row;

use crate::support::{append, fresh_config, open_append};

/// Polls a call at most `times` times, then drops it. Returns its result, if it ended before.
async fn polled<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left) = (pin!(future), times);
    poll_fn(move |context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left <= 1 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

/// A store with one connection for transactions, which is open already.
async fn store_of_one() -> PgEventStore {
    let config = fresh_config().max_connections(1);
    PgEventStore::install(&config).await.expect("installs");
    let store = PgEventStore::connect(&config).await.expect("connects");
    begin_and_end(&store).await;
    store
}

async fn begin_and_end(store: &PgEventStore) {
    let transaction = store.begin().await.expect("begins");
    store.commit(transaction).await.expect("commits");
}

async fn events(store: &PgEventStore, id: &str) -> usize {
    let stream = append(id, 0).stream;
    let events = store.read_stream(&stream, Version::EMPTY).await;
    events.expect("reads").len()
}

/// Checks that a statement runs in its own transaction: both times are equal. They are sent in one message, because each
/// message has its own time.
async fn assert_outside_of_a_transaction(store: &PgEventStore, polls: usize) {
    let asked = sqlx::raw_sql("select now() = statement_timestamp()").fetch_one(store.pool());
    let outside: bool = asked.await.expect("answers").get(0);
    assert!(outside, "dropped after {polls} polls");
}

#[tokio::test]
async fn a_dropped_commit_does_not_affect_the_next_transaction() {
    let store = store_of_one().await;
    for polls in 1..6 {
        let stream = format!("s{polls}");
        let transaction = open_append(&store, &stream).await;
        let answer = polled(polls, store.commit(transaction)).await;
        begin_and_end(&store).await;
        let there = events(&store, &stream).await;
        assert!(
            there == 1 || answer.is_none(),
            "dropped after {polls} polls"
        );
    }
}

#[tokio::test]
async fn a_dropped_rollback_writes_nothing() {
    let store = store_of_one().await;
    for polls in 1..6 {
        let transaction = open_append(&store, "s").await;
        drop(polled(polls, store.rollback(transaction)).await);
        assert_outside_of_a_transaction(&store, polls).await;
        begin_and_end(&store).await;
    }
    assert_eq!(events(&store, "s").await, 0);
}

#[tokio::test]
async fn a_dropped_begin_leaves_no_open_transaction() {
    let store = store_of_one().await;
    for polls in 1..6 {
        drop(polled(polls, store.begin()).await);
        assert_outside_of_a_transaction(&store, polls).await;
        begin_and_end(&store).await;
    }
}
