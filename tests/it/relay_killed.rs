//! A relay that is killed at each stage of a transaction, on a real broker. Apache's Java client reads the topic.

use cqrs_tests::{
    child::Job,
    domain::count,
    servers::{create_topics, fresh_name, kafka, read_committed, store},
};

use crate::support::{assert_seen_once_and_in_order, job, publish_all, start_child};

/// Kills the relay when it logs `stage` for the second time: the first batch is published, the second is not finished.
async fn killed_at(stage: &str, seen_then: usize) {
    let name = fresh_name();
    let store = store(&name).await;
    let kafka = kafka(&name);
    create_topics(&kafka).await;
    count(&store, 50).await;
    let mut relay = start_child(&Job {
        park_at: stage.to_owned(),
        nth: 2,
        ..job("relay", &name)
    });
    relay.parked().await;
    relay.kill().await;
    // The open transaction is beyond the last stable offset until the next relay ends it.
    assert_eq!(
        read_committed(kafka.brokers(), &kafka.topic("counter"))
            .await
            .len(),
        seen_then
    );
    count(&store, 10).await;
    publish_all(&store, &kafka).await.expect("publishes");
    assert_seen_once_and_in_order(&store, &kafka).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_killed_before_it_sends_publishes_once() {
    killed_at("transaction begun", 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_killed_before_its_commit_publishes_once() {
    killed_at("records delivered", 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_killed_after_its_commit_publishes_once() {
    killed_at("transaction committed", 40).await;
}
