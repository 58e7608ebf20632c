//! A declined payment of schema version 1, as it was stored: whoever reads it gets it as it is today.

use std::time::Duration;

use cqrs_core::{
    CommandStore, Event, EventId, ExpectedVersion, MemoryEventStore, Metadata, ReadModel, Relay,
    Runner, StreamId, View,
    model::NewEvent,
    ports::{Append, EventStore},
};
use cqrs_kafka::{KafkaConfig, KafkaGroup, KafkaPublisher, KafkaTopics};
use tokio::time::timeout;

use super::{
    PaymentAccounts, PaymentEvent,
    aggregate::{Payment, PaymentCommand},
};
use crate::notification::{Track, Tracking, tracking::Money};

const DECLINED_1: &str = include_str!("declined-1.json");

/// A store with that event, of order `o-1`.
async fn store() -> MemoryEventStore {
    let store = MemoryEventStore::default();
    let declined = NewEvent::from_parts(
        EventId::random(),
        "Declined",
        DECLINED_1.trim_end(),
        Metadata::default(),
    );
    let stream = StreamId::of::<PaymentEvent>("o-1").expect("a valid id");
    let append = Append::new(
        stream,
        ExpectedVersion::NoStream,
        vec![declined.schema_version(1)],
    );
    store.append(append).await.expect("appends");
    store
}

#[tokio::test]
async fn the_aggregate_goes_on_from_an_older_event() {
    let payments = store().await.repository::<Payment>();
    let cancelled = payments
        .execute("o-1", PaymentCommand::Cancel)
        .await
        .expect("is accepted");
    assert_eq!(cancelled.events, [PaymentEvent::Voided {}]);
}

#[tokio::test]
async fn a_view_shows_an_older_event() {
    let store = store().await;
    let account = document(&store, PaymentAccounts).await;
    assert!(account.declined);
}

/// The topic has the event as it was stored; the other service upcasts it itself.
#[tokio::test(flavor = "multi_thread")]
async fn another_service_reads_an_older_event_over_kafka() {
    let brokers = std::env::var("KAFKA_BROKERS");
    let brokers = brokers.expect("this test needs KAFKA_BROKERS: run scripts/test");
    let name = EventId::random().to_string();
    let kafka = KafkaConfig::new(brokers).topic_prefix(&name);
    publish(&store().await, &kafka).await;

    let store = MemoryEventStore::default();
    let group = KafkaGroup::new(&kafka, &name).categories([PaymentEvent::CATEGORY]);
    let runner = Runner::over(&store, Tracking, group.source()).expect("a runner");
    runner.catch_up().await.expect("catches up");
    let expected = Track {
        money: Some(Money::Declined),
        limit_cents: Some(36_000),
        ..Track::default()
    };
    assert_eq!(read::<Tracking>(&store).await, expected);
}

/// Publishes the event to a topic of its own.
async fn publish(store: &MemoryEventStore, kafka: &KafkaConfig) {
    let topics = KafkaTopics::new(kafka).partitions(1);
    let created = topics.create_for_categories([PaymentEvent::CATEGORY]);
    created.await.expect("creates the topic");
    let created = topics.create_for_relay("payment", 1);
    created.await.expect("creates the progress topic");
    let relay = Relay::new(store, "payment", KafkaPublisher::new(kafka));
    let progress = relay.progress();
    let published = async {
        let is_published = || {
            let partitions = progress.partitions();
            partitions.values().any(|it| it.checkpoint.is_some())
        };
        while !is_published() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let relayed = timeout(Duration::from_secs(60), relay.run(published));
    relayed.await.expect("in time").expect("publishes");
}

/// The document of order `o-1`, after the events of the log.
async fn document<V: View>(store: &MemoryEventStore, view: V) -> V::Document {
    let runner = Runner::over_log(store, view).expect("a runner");
    runner.catch_up().await.expect("catches up");
    read::<V>(store).await
}

async fn read<V: View>(store: &MemoryEventStore) -> V::Document {
    let model = ReadModel::<V, _>::new(store);
    model
        .get("o-1")
        .await
        .expect("is read")
        .expect("a document")
}
