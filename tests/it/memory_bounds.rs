//! A process holds a bounded number of bytes, however large the events and records are.

use std::{fs, time::Duration};

use cqrs_core::{EventStore, ExpectedVersion, ports::Append};
use cqrs_kafka::KafkaConfig;
use cqrs_postgres::PgEventStore;
use cqrs_tests::{
    child::{ChildProcess, Job},
    domain::{CounterEvent, counts_in_order, heard_in_order},
    servers::{create_topics, eventually, fresh_name, kafka, store},
};
use rdkafka::{
    ClientConfig,
    consumer::{BaseConsumer, Consumer},
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer},
};

use crate::support::{job, start_child};

/// The number of events, and of records.
const LARGE: u64 = 1_000;

/// The bytes of a text or a header. With the rest of a record it stays below Kafka's default limit of 1 MB.
const BYTES: usize = 950_000;

const MOST_RESIDENT_MEGABYTES: u64 = 200;

/// The most memory that the process has had so far.
fn peak_megabytes(process: &ChildProcess) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.pid())).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
    kilobytes
        .expect("a size")
        .trim()
        .parse::<u64>()
        .expect("a number")
        / 1_024
}

/// Appends one large event, and copies its row as the next events of the stream.
async fn append_large_events(store: &PgEventStore) {
    let event = CounterEvent::Counted {
        to: 1,
        text: "x".repeat(BYTES),
    };
    let append = Append::of("c0", ExpectedVersion::NoStream, &[event]).expect("valid");
    store.append(append).await.expect("appends");
    let sql = format!(
        r#"insert into "{schema}".events (position, category, aggregate_id, version, slice, event_id, event_type,
                schema_version, payload)
            select nextval('"{schema}".position'), category, aggregate_id, n, slice, gen_random_uuid(), event_type,
                schema_version, replace(payload::text, '"to":1', '"to":' || n)::json
            from "{schema}".events, generate_series(2, {LARGE}) n"#,
        schema = store.schema()
    );
    let inserted = sqlx::query(sqlx::AssertSqlSafe(sql))
        .execute(store.pool())
        .await;
    assert_eq!(inserted.expect("inserts").rows_affected(), LARGE - 1);
}

/// The records and transaction markers in the topic.
fn records(config: &KafkaConfig) -> i64 {
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", config.brokers());
    let consumer: BaseConsumer = client.create().expect("valid settings");
    let end = |partition| {
        let ends =
            consumer.fetch_watermarks(&config.topic("counter"), partition, Duration::from_secs(10));
        ends.expect("reads the ends").1
    };
    (0..3).map(end).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn large_events_are_rebuilt_and_relayed_in_bounded_memory() {
    let name = fresh_name();
    let (store, config) = (store(&name).await, kafka(&name));
    create_topics(&config).await;
    append_large_events(&store).await;
    let service = start_child(&job("service", &name));
    eventually("the view and the topic have all events", || async {
        counts_in_order(&store).await == LARGE && records(&config) > LARGE.cast_signed()
    })
    .await;
    let peak = peak_megabytes(&service);
    assert!(peak < MOST_RESIDENT_MEGABYTES, "{peak} MB");
    service.kill().await;
}

/// Sends events without a relay, each with a large header that nobody reads.
fn send_large_headers(config: &KafkaConfig) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", config.brokers())
        .set("compression.codec", "lz4")
        .create()
        .expect("valid settings");
    let topic = config.topic("counter");
    let noise = vec![b'x'; BYTES];
    for n in 1..=LARGE {
        let (id, value) = (n.to_string(), format!(r#"{{"to":{n},"text":""}}"#));
        let headers = [
            ("ce_specversion", &b"1.0"[..]),
            ("ce_id", id.as_bytes()),
            ("ce_source", b"https://counters.example"),
            ("ce_type", b"Counted"),
            ("noise", &noise),
        ];
        let all = headers
            .into_iter()
            .fold(OwnedHeaders::new(), |all, (key, value)| {
                all.insert(Header {
                    key,
                    value: Some(value),
                })
            });
        let record = BaseRecord::to(&topic)
            .key("c0")
            .payload(&value)
            .headers(all);
        producer
            .send(record)
            .map_err(|(error, _)| error)
            .expect("there is room");
        producer.poll(Duration::ZERO);
    }
    producer.flush(Duration::from_secs(60)).expect("delivers");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_with_large_headers_are_consumed_in_bounded_memory() {
    let name = fresh_name();
    let (store, config) = (store(&name).await, kafka(&name));
    create_topics(&config).await;
    let sent = config.clone();
    tokio::task::spawn_blocking(move || send_large_headers(&sent))
        .await
        .expect("sends");
    let consumer = start_child(&Job {
        nth: u32::MAX,
        ..job("reactor", &name)
    });
    eventually("every record is handled", || async {
        heard_in_order(&store).await == LARGE
    })
    .await;
    let peak = peak_megabytes(&consumer);
    assert!(peak < MOST_RESIDENT_MEGABYTES, "{peak} MB");
    consumer.kill().await;
}
