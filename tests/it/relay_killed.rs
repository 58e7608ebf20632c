//! A relay killed at every stage of a transaction, on the real broker. Who looks is Apache's Java client.

use cqrs_tests::{
    domain::count,
    servers::{create_topics, fresh_name, kafka, read_committed, store},
    victim::Job,
};

use crate::support::{assert_seen_once_and_in_order, job, publish_all, victim};

/// Kills the relay when it says `stage` for the second time: one batch is through, the second is under way.
async fn killed_at(stage: &str, seen_then: usize) {
    let name = fresh_name();
    let (store, kafka) = (store(&name).await, kafka(&name));
    create_topics(&kafka).await;
    count(&store, 50).await;
    let mut relay = victim(&Job {
        park_at: stage.to_owned(),
        nth: 2,
        ..job("relay", &name)
    });
    relay.parked().await;
    relay.kill().await;
    // What is open now hides behind the last stable offset until the next relay ends it.
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
async fn a_relay_killed_before_it_sent_anything_loses_and_doubles_nothing() {
    killed_at("transaction begun", 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_killed_with_everything_sent_and_nothing_committed_loses_and_doubles_nothing() {
    killed_at("records delivered", 20).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_killed_before_it_could_note_its_commit_loses_and_doubles_nothing() {
    killed_at("transaction committed", 40).await;
}
