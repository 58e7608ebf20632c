//! Failures on real servers: each is a typed error that says what failed, where, and how to fix it. No event is lost.

use std::time::Duration;

use cqrs_core::{
    CommandStore, chain, model::Limits, ports::PublishError, relay::RelayErrorKind, run_loop::Phase,
};
use cqrs_kafka::{KafkaConfig, KafkaPublisher, KafkaTopics};
use cqrs_postgres::{PgConfig, PgEventStore};
use cqrs_tests::{
    domain::{Counter, count},
    servers::{MAX_WAIT, create_topics, fresh_name, kafka, read_committed, setting, store},
};

use crate::support::{brokers, publish_all, relay};

#[tokio::test(flavor = "multi_thread")]
async fn an_event_over_the_brokers_limit_stops_the_relay() {
    let name = fresh_name();
    let store = store(&name).await;
    let kafka = kafka(&name);
    create_topics(&kafka).await;
    count(&store, 5).await;
    let limits = Limits::default().payload_bytes(4_000_000);
    let config = PgConfig::new(setting("DATABASE_URL")).schema(&name);
    let unbounded = PgEventStore::connect(&config.limits(limits)).await;
    let counters = unbounded.expect("connects").repository::<Counter>();
    counters
        .execute("heavy", "x".repeat(2_000_000))
        .await
        .expect("the store accepts it");
    count(&store, 5).await;
    // Rejected by the client; then, without compression, by the broker.
    let to_the_broker = kafka
        .clone()
        .set("message.max.bytes", "4000000")
        .set("compression.type", "none");
    for config in [kafka.clone(), to_the_broker] {
        let error = relay(&store, &config)
            .run(std::future::pending())
            .await
            .expect_err("stops");
        let said = chain(&error).to_string();
        let RelayErrorKind::Publish(PublishError::Rejected { event, .. }) = error.kind else {
            panic!("{said}")
        };
        assert_eq!(event, "counter-heavy@1 (Counted), position 6");
        assert!(said.contains("message.max.bytes"), "{said}");
    }
    assert_eq!(
        read_committed(&brokers(), &kafka.topic("counter"))
            .await
            .len(),
        5
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_cannot_be_reached_are_named_within_seconds() {
    let store = store(&fresh_name()).await;
    let nowhere = KafkaConfig::new("127.0.0.1:1").response_timeout(Duration::from_secs(1));
    let relay = relay(&store, &nowhere);
    let mut progress = relay.progress();
    let running = tokio::spawn(relay.run(std::future::pending()));
    let waits = progress.until(|phase| matches!(phase, Phase::Retrying { .. }));
    let phase = tokio::time::timeout(Duration::from_secs(5), waits).await;
    let said = progress.last_error().expect("it has failed");
    assert!(said.contains("127.0.0.1:1"), "{phase:?}: {said}");
    running.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_is_named() {
    let name = fresh_name();
    let store = store(&name).await;
    let kafka = kafka(&name);
    count(&store, 1).await;
    let relay = cqrs_core::Relay::new(&store, "relay", KafkaPublisher::new(&kafka));
    let error = relay.run(std::future::pending()).await.expect_err("stops");
    let said = chain(&error).to_string();
    assert!(said.contains(&kafka.progress_topic("relay")), "{said}");
    create_topics(&kafka).await;
    publish_all(&store, &kafka)
        .await
        .expect("publishes once the topics are there");
}

/// The test's broker creates a topic that a client asks for, as Kafka does by default. It would have one partition and
/// the default retention.
#[tokio::test(flavor = "multi_thread")]
async fn a_category_without_a_topic_stops_the_relay_and_gets_none() {
    let name = fresh_name();
    let store = store(&name).await;
    let kafka = kafka(&name);
    let topics = KafkaTopics::new(&kafka);
    topics.create_for_relay("relay", 1).await.expect("creates");
    count(&store, 1).await;
    for _ in 0..2 {
        let relay = relay(&store, &kafka);
        let ended = tokio::time::timeout(MAX_WAIT, relay.run(std::future::pending())).await;
        let error = ended.expect("ends").expect_err("stops");
        let said = chain(&error).to_string();
        let missing = format!("topic {:?} does not exist", kafka.topic("counter"));
        assert!(said.contains(&missing), "{said}");
    }
    create_topics(&kafka).await;
    publish_all(&store, &kafka)
        .await
        .expect("publishes once the topic is there");
}
