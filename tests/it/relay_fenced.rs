//! Two relays with one name: the later one fences the earlier one, even during a transaction.

use cqrs_core::{ports::PublishError, relay::RelayErrorKind};
use cqrs_tests::{
    child::Job,
    domain::count,
    servers::{create_topics, eventually, fresh_name, kafka, read_committed, store},
};

use crate::support::{assert_seen_once_and_in_order, job, publish_all, relay, start_child};

#[tokio::test(flavor = "multi_thread")]
async fn a_second_relay_of_the_same_name_fences_the_first() {
    let name = fresh_name();
    let store = store(&name).await;
    let kafka = kafka(&name);
    create_topics(&kafka).await;
    count(&store, 20).await;
    let first = tokio::spawn({
        let relay = relay(&store, &kafka);
        let pending = std::future::pending();
        async move { relay.run(pending).await }
    });
    let topic = kafka.topic("counter");
    eventually("the first relay publishes", || async {
        read_committed(kafka.brokers(), &topic).await.len() == 20
    })
    .await;
    count(&store, 10).await;
    publish_all(&store, &kafka)
        .await
        .expect("the second relay publishes");
    count(&store, 1).await; // the first relay tries to publish it and fails
    let error = first
        .await
        .expect("no panic")
        .expect_err("the first relay stops");
    assert!(
        matches!(error.kind, RelayErrorKind::Publish(PublishError::Fenced)),
        "{error}"
    );
    publish_all(&store, &kafka).await.expect("publishes");
    assert_seen_once_and_in_order(&store, &kafka).await;
}

/// A relay is paused before the commit of a complete transaction. Another one takes over; then the first one resumes and tries
/// to commit.
#[tokio::test(flavor = "multi_thread")]
async fn a_fenced_relay_cannot_commit_its_open_transaction() {
    let name = fresh_name();
    let store = store(&name).await;
    let kafka = kafka(&name);
    create_topics(&kafka).await;
    count(&store, 30).await;
    let park_at = "records delivered".to_owned();
    let mut zombie = start_child(&Job {
        park_at,
        batch_size: 30,
        ..job("relay", &name)
    });
    zombie.parked().await;
    publish_all(&store, &kafka)
        .await
        .expect("the second relay publishes");
    zombie.resume().await;
    let code = zombie.ended().await;
    assert!(!code.success(), "the zombie ends with an error");
    assert_seen_once_and_in_order(&store, &kafka).await;
}
