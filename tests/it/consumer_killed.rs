//! A consumer that is killed between its handler and its commit: a reactor over a topic, whose events and offset commit
//! together.

use cqrs_core::{Event, Runner, role};
use cqrs_kafka::{KafkaConfig, KafkaGroup};
use cqrs_postgres::PgEventStore;
use cqrs_tests::{
    child::Job,
    domain::{CounterEvent, EchoCounts, count, heard_in_order},
    servers::{create_topics, fresh_name, kafka, store},
};

use crate::support::{job, publish_all, start_child};

/// Consumes the topic to its end as the same static member. Then the echoes have heard `events` counts.
async fn consume_all(store: &PgEventStore, kafka: &KafkaConfig, events: u64) {
    let group = KafkaGroup::new(kafka, "echo_counts")
        .categories([CounterEvent::CATEGORY])
        .instance_id("echo_counts-0");
    let runner =
        Runner::over::<role::Reactor>(store, EchoCounts, group.source()).expect("a reactor");
    runner.catch_up().await.expect("runs");
    assert_eq!(heard_in_order(store).await, events);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_killed_before_its_commit_handles_once() {
    let (producing, consuming) = (fresh_name(), fresh_name());
    let producer = store(&producing).await;
    let kafka = kafka(&producing);
    let consumer = store(&consuming).await;
    create_topics(&kafka).await;
    count(&producer, 100).await;
    publish_all(&producer, &kafka).await.expect("publishes");

    let schema = consuming.clone();
    let mut reactor = start_child(&Job {
        schema,
        nth: 2,
        batch_size: 5,
        ..job("reactor", &producing)
    });
    reactor.parked().await;
    reactor.kill().await;
    let heard = heard_in_order(&consumer).await;
    assert!(heard < 100, "{heard} were heard before the kill");
    consume_all(&consumer, &kafka, 100).await;

    count(&producer, 20).await;
    publish_all(&producer, &kafka).await.expect("publishes");
    consume_all(&consumer, &kafka, 120).await;
}
