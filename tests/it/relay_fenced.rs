//! Two relays with one name: the second is refused while the first holds the name. If the first has lost it, the second fences it,
//! even during a transaction.

use cqrs_core::{
    EventStore,
    ports::{Publication, PublishError, Publisher},
    relay::RelayErrorKind,
};
use cqrs_kafka::KafkaPublisher;
use cqrs_tests::{
    child::Job,
    domain::count,
    servers::{create_topics, eventually, fresh_name, kafka, read_committed, store},
};

use crate::support::{assert_seen_once_and_in_order, job, publish_all, relay, start_child};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_the_same_name_fences_the_relay() {
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
    let log = store.identity().await.expect("reads");
    let publication = Publication::new("relay", 1, log);
    let publisher = KafkaPublisher::new(&kafka);
    let sessions = publisher.open(&publication).await.expect("opens");
    count(&store, 1).await; // the first relay tries to publish it and fails
    let error = first
        .await
        .expect("no panic")
        .expect_err("the first relay stops");
    assert!(
        matches!(error.kind, RelayErrorKind::Publish(PublishError::Fenced)),
        "{error}"
    );
    drop(sessions);
    publish_all(&store, &kafka).await.expect("publishes");
    assert_seen_once_and_in_order(&store, &kafka).await;
}

/// Another process is refused while the relay runs, and takes over at once when it is killed.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_relay_waits_for_the_name_of_the_first() {
    let name = fresh_name();
    let store = store(&name).await;
    let kafka = kafka(&name);
    create_topics(&kafka).await;
    count(&store, 20).await;
    let first = start_child(&job("relay", &name));
    let topic = kafka.topic("counter");
    eventually("the first relay publishes", || async {
        read_committed(kafka.brokers(), &topic).await.len() == 20
    })
    .await;
    let refused = relay(&store, &kafka).run(std::future::pending()).await;
    let Err(RelayErrorKind::Held(holder)) = refused.map_err(|error| error.kind) else {
        panic!("the first relay runs");
    };
    let process = format!("process {} on ", first.pid());
    assert!(holder.process.starts_with(&process), "{holder}");

    count(&store, 10).await;
    eventually("the first relay was not disturbed", || async {
        read_committed(kafka.brokers(), &topic).await.len() == 30
    })
    .await;
    count(&store, 1).await;
    first.kill().await;
    publish_all(&store, &kafka).await.expect("takes over");
    assert_seen_once_and_in_order(&store, &kafka).await;
}

/// A relay is stopped before the commit of a complete transaction, for longer than its lease. Another one takes over; then the
/// first one resumes and tries to commit.
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
    zombie.signal("-STOP").await;
    publish_all(&store, &kafka)
        .await
        .expect("the second relay publishes");
    zombie.signal("-CONT").await;
    zombie.resume().await;
    let code = zombie.ended().await;
    assert!(!code.success(), "the zombie ends with an error");
    assert_seen_once_and_in_order(&store, &kafka).await;
}
