//! Relays and runners in the test process.

use std::collections::BTreeMap;

use cqrs_core::{RecordedEvent, Relay, Runner, relay::RelayError, role};
use cqrs_kafka::{KafkaConfig, KafkaPublisher};
use cqrs_postgres::PgEventStore;
use cqrs_tests::{
    child::{ChildProcess, Job},
    domain::{Counts, log},
    servers::{ConsumedRecord, MAX_WAIT, eventually, read_committed, setting},
};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
};

pub(crate) fn start_child(job: &Job) -> ChildProcess {
    ChildProcess::start(env!("CARGO_BIN_EXE_child"), job, None)
}

pub(crate) fn start_child_on(job: &Job, brokers: &str) -> ChildProcess {
    ChildProcess::start(env!("CARGO_BIN_EXE_child"), job, Some(brokers))
}

pub(crate) fn relay(
    store: &PgEventStore,
    kafka: &KafkaConfig,
) -> Relay<PgEventStore, KafkaPublisher> {
    Relay::new(store, "relay", KafkaPublisher::new(kafka))
}

/// Runs a relay until it has published the whole log.
pub(crate) async fn publish_all(
    store: &PgEventStore,
    kafka: &KafkaConfig,
) -> Result<(), RelayError> {
    let events = log(store).await.len();
    relay(store, kafka)
        .run(until_published(kafka, events))
        .await
}

async fn until_published(kafka: &KafkaConfig, events: usize) {
    while read_committed(kafka.brokers(), &kafka.topic("counter"))
        .await
        .len()
        < events
    {}
}

/// The main assertion: an independent `read_committed` consumer sees each event of the log once, and those of a stream in
/// order.
pub(crate) async fn assert_seen_once_and_in_order(store: &PgEventStore, kafka: &KafkaConfig) {
    let log = log(store).await;
    let seen = read_committed(kafka.brokers(), &kafka.topic("counter")).await;
    assert_eq!(by_stream_seen(&seen), by_stream(&log));
    let partitions: BTreeMap<&str, i32> = seen
        .iter()
        .map(|seen| (seen.key.as_str(), seen.partition))
        .collect();
    assert!(
        seen.iter()
            .all(|seen| partitions[seen.key.as_str()] == seen.partition),
        "all events of a stream are in one partition"
    );
}

fn by_stream(log: &[RecordedEvent]) -> BTreeMap<String, Vec<String>> {
    let mut streams = BTreeMap::<_, Vec<_>>::new();
    for event in log {
        streams
            .entry(event.stream.id().to_owned())
            .or_default()
            .push(event.id.to_string());
    }
    streams
}

fn by_stream_seen(seen: &[ConsumedRecord]) -> BTreeMap<String, Vec<String>> {
    let mut streams = BTreeMap::<_, Vec<_>>::new();
    for record in seen {
        streams
            .entry(record.key.clone())
            .or_default()
            .push(record.headers["ce_id"].clone());
    }
    streams
}

/// Runs the view over the log until it has handled all events.
pub(crate) async fn catch_up_view(store: &PgEventStore) {
    let runner = Runner::over_log::<role::View>(store, Counts).expect("a view");
    runner.catch_up().await.expect("runs");
}

pub(crate) fn job(role: &str, name: &str) -> Job {
    let (schema, prefix) = (name.to_owned(), name.to_owned());
    Job {
        role: role.to_owned(),
        schema,
        prefix,
        park_at: String::new(),
        nth: 1,
        batch_size: 20,
    }
}

pub(crate) fn brokers() -> String {
    setting("KAFKA_BROKERS")
}

pub(crate) fn admin(kafka: &KafkaConfig) -> AdminClient<DefaultClientContext> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", kafka.brokers());
    config.create().expect("a client")
}

pub(crate) async fn delete_topic(kafka: &KafkaConfig, topic: &str) {
    let admin = admin(kafka);
    let options = AdminOptions::new();
    let deleted = admin.delete_topics(&[topic], &options).await;
    deleted.expect("responds").remove(0).expect("deletes");
    eventually("the topic is gone", || async {
        let metadata = admin.inner().fetch_metadata(None, MAX_WAIT);
        let metadata = metadata.expect("responds");
        metadata.topics().iter().all(|found| found.name() != topic)
    })
    .await;
}
