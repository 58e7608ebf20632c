//! What a topic may hold: each row of the page is a case, on a real broker.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    sync::{
        Arc, LazyLock, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, UNIX_EPOCH},
};

use cqrs_core::{
    Append, DocumentKeys, Envelope, Event, EventId, EventStore, ExpectedVersion, MemoryEventStore,
    Phase, ReadModel, RecordedEvent, Relay, Runner, RunnerErrorKind, StreamId, Version, View,
    chain,
    model::{Category, Checkpoint, Lane, NewEvent, Offset},
    ports::{Checkpoints, SourceError, UnitOfWork},
};
use cqrs_kafka::{KafkaConfig, KafkaGroup, KafkaPublisher, KafkaTopics, wire};
use cqrs_tests::servers::{MAX_WAIT, fresh_name, kafka, project};
use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer},
};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

#[derive(Debug, Serialize, Deserialize)]
enum NoteEvent {
    Written { text: String },
    Erased,
}

impl Event for NoteEvent {
    const CATEGORY: &'static str = "note";
}

#[derive(Debug, Serialize, Deserialize)]
enum SomeNotes {
    Written {},
    Erased,
}

impl Event for SomeNotes {
    const CATEGORY: &'static str = "note";
    const PARTIAL: bool = true;
}

/// Counts the events that it handles.
struct All;
/// The same, with a partial event.
struct Partial;

impl View for All {
    const NAME: &'static str = "notes";
    type Events = NoteEvent;
    type Document = u64;

    fn keys(&self, _: &Envelope<NoteEvent>) -> DocumentKeys {
        "all".into()
    }

    fn apply(&self, _: &str, count: Option<u64>, _: &Envelope<NoteEvent>) -> Option<u64> {
        Some(count.unwrap_or_default() + 1)
    }
}

impl View for Partial {
    const NAME: &'static str = "notes";
    type Events = SomeNotes;
    type Document = u64;

    fn keys(&self, _: &Envelope<SomeNotes>) -> DocumentKeys {
        "all".into()
    }

    fn apply(&self, _: &str, count: Option<u64>, _: &Envelope<SomeNotes>) -> Option<u64> {
        Some(count.unwrap_or_default() + 1)
    }
}

/// What is written to the topic `{prefix}.note`.
#[derive(Debug, Clone, Default)]
struct Record {
    key: Option<&'static str>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

const TEXT: &str = r#"{"text":"x"}"#;

/// A CloudEvent of another producer.
fn foreign() -> Record {
    let headers = [
        ("ce_specversion", "1.0"),
        ("ce_id", "1"),
        ("ce_source", "https://notes.example/api"),
        ("ce_type", "Written"),
    ];
    Record {
        key: Some("a"),
        value: Some(TEXT.into()),
        headers: headers
            .map(|(name, value)| (name.to_owned(), Some(value.into())))
            .to_vec(),
    }
}

/// The record of a relay.
fn own(category: &str) -> Record {
    let stream = StreamId::new(Category::new(category).expect("valid"), "a").expect("valid");
    let position = cqrs_core::Position::new(7);
    let event = RecordedEvent::new(
        EventId::random(),
        stream,
        Version::new(1),
        position,
        "Written",
        TEXT,
        UNIX_EPOCH,
    );
    let mut headers = Vec::new();
    let put = |name: &str, value: &[u8]| {
        headers.push((name.to_owned(), Some(value.to_vec())));
    };
    wire::encode(&event, "shop", &Lane::new("shop.relay.0"), put).expect("encodes");
    Record {
        key: Some("a"),
        value: Some(TEXT.into()),
        headers,
    }
}

impl Record {
    /// Adds a header.
    fn and(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), Some(value.into())));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    fn with(self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.without(name).and(name, value)
    }

    fn value(mut self, value: Option<&[u8]>) -> Self {
        self.value = value.map(<[u8]>::to_vec);
        self
    }
}

/// How the records get into the topic.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sent {
    Plainly,
    With(&'static str),
    InTransaction { committed: bool },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Outcome {
    /// This many are handled, and the checkpoint is behind them all.
    Handled(u64),
    /// None is handled, and the counter of this name has counted them.
    PassedOver(&'static str, u64),
    /// The runner ends with an error that contains this text.
    Stopped(&'static str),
}

use Outcome::{Handled, PassedOver, Stopped};

/// A row of the page: its first cell, and its cases.
type Row = (&'static str, Vec<Case>);

#[derive(Debug, Clone)]
struct Case {
    records: Vec<Record>,
    sent: Sent,
    partial: bool,
    outcome: Outcome,
}

fn case(record: Record, outcome: Outcome) -> Case {
    Case {
        records: vec![record],
        sent: Sent::Plainly,
        partial: false,
        outcome,
    }
}

fn partial(record: Record, outcome: Outcome) -> Case {
    Case {
        partial: true,
        ..case(record, outcome)
    }
}

fn sent(sent: Sent, outcome: Outcome) -> Case {
    Case {
        sent,
        ..case(foreign(), outcome)
    }
}

fn many_headers(count: usize) -> Record {
    let mut record = foreign();
    record.headers.resize(count, ("other".to_owned(), None));
    record
}

const LIMIT: usize = wire::MAX_HEADER_BYTES;

fn rows() -> Vec<Row> {
    let twice = Case {
        records: vec![own("note"), own("note")],
        ..case(own("note"), Handled(1))
    };
    let repeat = Case {
        outcome: PassedOver("cqrs_repeated_events", 1),
        ..twice.clone()
    };
    vec![
        ("an event of a relay", vec![case(own("note"), Handled(1))]),
        (
            "a repeat: its position in its lane was received",
            vec![twice, repeat],
        ),
        (
            "an event of a relay, of a category that is not read",
            vec![case(own("stock"), PassedOver("cqrs_passed_over_events", 1))],
        ),
        (
            "an event of a relay with a wrong or missing header",
            vec![
                case(
                    own("note").with("ce_position", "9223372036854775808"),
                    Stopped("ce_position"),
                ),
                case(
                    own("note").without("ce_version"),
                    Stopped("header \"ce_version\" is missing"),
                ),
                case(
                    own("note").and("ce_lane", "x"),
                    Stopped("header \"ce_lane\" occurs twice"),
                ),
                case(
                    own("note").with("ce_type", "note."),
                    Stopped("not the type of an event"),
                ),
            ],
        ),
        (
            "a CloudEvent of another producer, with any source",
            [
                "/x/other",
                "other",
                "urn:example:notes",
                "//pubsub/topics/note-1",
            ]
            .map(|source| case(foreign().with("ce_source", source), Handled(1)))
            .to_vec(),
        ),
        (
            "a CloudEvent without data",
            [None, Some(&b""[..])]
                .map(|value| case(foreign().with("ce_type", "Erased").value(value), Handled(1)))
                .to_vec(),
        ),
        (
            "a CloudEvent with any time of RFC 3339, or a wrong one",
            [
                "0001-01-01T00:00:00Z",
                "2016-12-31T23:59:60Z",
                "2024-05-01t12:00:00+05:30",
                "now",
                "",
            ]
            .map(|time| case(foreign().and("ce_time", time), Handled(1)))
            .to_vec(),
        ),
        (
            "optional headers and `app_` headers that are missing, double, empty, binary or too long",
            vec![
                case(
                    foreign().and("traceparent", "a").and("traceparent", "b"),
                    Handled(1),
                ),
                case(
                    foreign()
                        .and("content-type", "")
                        .and("ce_correlationid", ""),
                    Handled(1),
                ),
                case(
                    foreign()
                        .and("ce_causationid", [0xff])
                        .and("ce_version", [0xff]),
                    Handled(1),
                ),
                case(
                    foreign().and("traceparent", vec![b'x'; LIMIT + 1]),
                    Handled(1),
                ),
                case(
                    own("note")
                        .and("traceparent", [0xff])
                        .without("content-type"),
                    Handled(1),
                ),
            ],
        ),
        (
            "a type that a partial reader does not know",
            vec![partial(
                foreign().with("ce_type", "Printed"),
                PassedOver("cqrs_passed_over_events", 1),
            )],
        ),
        (
            "a type that a reader does not know",
            vec![case(
                foreign().with("ce_type", "Printed"),
                Stopped("Printed"),
            )],
        ),
        (
            "content that does not fit the type",
            vec![
                case(foreign().value(Some(b"{}")), Stopped("text")),
                case(foreign().value(Some(b"\xff")), Stopped("Written")),
            ],
        ),
        (
            "a CloudEvent without a required header",
            ["ce_specversion", "ce_id", "ce_source", "ce_type"]
                .map(|name| case(foreign().without(name), Stopped("is missing")))
                .to_vec(),
        ),
        (
            "a subject that cannot be the id of a stream",
            vec![
                case(
                    foreign().and("ce_subject", "x".repeat(256)),
                    Stopped("ce_subject"),
                ),
                case(foreign().and("ce_subject", "a\nb"), Stopped("ce_subject")),
            ],
        ),
        (
            "a CloudEvent in structured mode",
            vec![case(
                Record::default()
                    .and("content-type", "application/cloudevents+json")
                    .value(Some(b"{}")),
                Stopped("structured mode"),
            )],
        ),
        (
            "content that is not JSON",
            vec![case(
                foreign().and("content-type", "application/avro"),
                Stopped("only JSON"),
            )],
        ),
        (
            "a tombstone",
            vec![case(Record::default(), Stopped("tombstone"))],
        ),
        (
            "a record without the headers of a CloudEvent",
            vec![case(
                Record::default().value(Some(b"hello")),
                Stopped("ce_specversion"),
            )],
        ),
        (
            "up to 1,000 headers, of any length unless they belong to an event",
            vec![
                case(many_headers(wire::MAX_HEADERS), Handled(1)),
                case(foreign().and("other", vec![0xff; 4 * LIMIT]), Handled(1)),
            ],
        ),
        (
            "more than 1,000 headers",
            vec![case(
                many_headers(wire::MAX_HEADERS + 1),
                Stopped("more than 1000 headers"),
            )],
        ),
        (
            "a required header of more than 64 KiB",
            vec![case(
                foreign().with("ce_id", "x".repeat(LIMIT + 1)),
                Stopped("more than 65536"),
            )],
        ),
        (
            "a record as large as the broker accepts",
            vec![case(
                foreign().value(Some(
                    format!(r#"{{"text":"{}"}}"#, "x".repeat(900_000)).as_bytes(),
                )),
                Handled(1),
            )],
        ),
        (
            "a batch compressed with gzip, snappy, lz4 or zstd",
            ["none", "gzip", "snappy", "lz4", "zstd"]
                .map(|codec| sent(Sent::With(codec), Handled(1)))
                .to_vec(),
        ),
        (
            "a transaction that was committed, and its marker",
            vec![sent(Sent::InTransaction { committed: true }, Handled(1))],
        ),
        (
            "a transaction that was aborted, and its marker",
            vec![sent(Sent::InTransaction { committed: false }, Handled(0))],
        ),
    ]
}

/// The rows about the progress topic of a relay.
const PROGRESS_ROWS: [&str; 3] = [
    "in a progress topic: a key that is not a relay's",
    "in a progress topic: a bad record under a relay's key",
    "an event whose category has the progress topic",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_may_hold_what_the_page_says() {
    LazyLock::force(&COUNTERS);
    let mut cases = JoinSet::new();
    for (row, of_row) in rows() {
        for case in of_row {
            cases.spawn(async move { failure(row, case).await });
        }
    }
    let failures: Vec<String> = cases.join_all().await.into_iter().flatten().collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_page_has_the_rows_that_are_tested() {
    let page = fs::read_to_string(project().join("docs/reference/what-a-topic-may-hold.md"));
    let page = page.expect("the page");
    let records = page.lines().take_while(|line| *line != "## Limits");
    let cells = records.filter_map(|line| line.strip_prefix("| "));
    let first = cells.filter_map(|line| line.split(" | ").next());
    let listed: BTreeSet<&str> = first
        .filter(|cell| !matches!(*cell, "Record" | "---"))
        .collect();
    let tested = rows().into_iter().map(|(row, _)| row);
    let tested: BTreeSet<&str> = tested.chain(PROGRESS_ROWS).collect();
    assert_eq!(listed, tested);
}

async fn failure(row: &str, case: Case) -> Option<String> {
    let expected = case.outcome;
    let found = outcome(case).await;
    (found != Ok(expected)).then(|| format!("{row}: expected {expected:?}, found {found:?}"))
}

/// The expected outcome if it has happened, otherwise what has happened.
async fn outcome(case: Case) -> Result<Outcome, String> {
    let config = kafka(&fresh_name());
    let topics = KafkaTopics::new(&config).partitions(1);
    topics
        .create_for_categories(["note"])
        .await
        .expect("creates");
    let topic = config.topic("note");
    send(&config, &topic, case.sent, case.records).await;

    let store = MemoryEventStore::default();
    let source = KafkaGroup::new(&config, "notes")
        .categories(["note"])
        .source();
    let ended = if case.partial {
        let runner = Runner::over(&store, Partial, source).expect("a view");
        runner.catch_up().await
    } else {
        let runner = Runner::over(&store, All, source).expect("a view");
        runner.catch_up().await
    };
    let ended = ended.map_err(|error| chain(&error).to_string());
    let handled = ReadModel::<All, _>::new(store).get("all").await;
    let handled = handled.expect("reads").unwrap_or_default();
    let happened = match (case.outcome, &ended) {
        (Handled(count), Ok(())) => handled == count,
        (PassedOver(counter, count), Ok(())) => counted(counter, &topic) == count,
        (Stopped(text), Err(error)) => {
            let place = error.contains(&topic) || error.contains("note-a");
            error.contains(text) && place && error.len() < 4_096 && handled == 0
        }
        _ => false,
    };
    let found = format!("{handled} handled, {ended:?}");
    if happened {
        Ok(case.outcome)
    } else {
        Err(found)
    }
}

async fn send(config: &KafkaConfig, topic: &str, sent: Sent, records: Vec<Record>) {
    let brokers = config.brokers().to_owned();
    let topic = topic.to_owned();
    let send = move || send_blocking(&brokers, &topic, sent, &records);
    tokio::task::spawn_blocking(send).await.expect("sends");
}

fn send_blocking(brokers: &str, topic: &str, sent: Sent, records: &[Record]) {
    let timeout = Duration::from_secs(30);
    let mut client = ClientConfig::new();
    client.set("bootstrap.servers", brokers);
    // So that a repeat arrives after its original.
    client.set("enable.idempotence", "true");
    if let Sent::With(codec) = sent {
        client.set("compression.codec", codec);
    }
    if let Sent::InTransaction { .. } = sent {
        client.set("transactional.id", topic);
    }
    let producer: BaseProducer = client.create().expect("valid settings");
    if let Sent::InTransaction { .. } = sent {
        producer.init_transactions(timeout).expect("initializes");
        producer.begin_transaction().expect("begins");
    }
    for record in records {
        let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
        for (name, value) in &record.headers {
            headers = headers.insert(Header {
                key: name,
                value: value.as_deref(),
            });
        }
        let mut sending = BaseRecord::<str, [u8]>::to(topic).headers(headers);
        sending.key = record.key;
        sending.payload = record.value.as_deref();
        producer
            .send(sending)
            .map_err(|(error, _)| error)
            .expect("there is room");
    }
    producer.flush(timeout).expect("delivers");
    match sent {
        Sent::InTransaction { committed: true } => producer.commit_transaction(timeout),
        Sent::InTransaction { committed: false } => producer.abort_transaction(timeout),
        _ => Ok(()),
    }
    .expect("ends the transaction");
}

#[tokio::test(flavor = "multi_thread")]
async fn moving_the_checkpoint_passes_a_malformed_record() {
    let config = kafka(&fresh_name());
    let topics = KafkaTopics::new(&config).partitions(1);
    topics
        .create_for_categories(["note"])
        .await
        .expect("creates");
    let topic = config.topic("note");
    let records = vec![foreign(), Record::default(), foreign()];
    send(&config, &topic, Sent::Plainly, records).await;
    let store = MemoryEventStore::default();
    let catch_up = async || {
        let source = KafkaGroup::new(&config, "notes")
            .categories(["note"])
            .source();
        let runner = Runner::over(&store, All, source).expect("a view");
        runner.catch_up().await
    };
    let error = catch_up().await.expect_err("stops");
    let RunnerErrorKind::Source(SourceError::Malformed {
        partition, offset, ..
    }) = &error.kind
    else {
        panic!("{error:?}");
    };

    let claim = store.claim(All::NAME, partition).await.expect("claims");
    let next = Checkpoint::new(Offset::new(offset.get() + 1), None);
    let mut transaction = store.begin().await.expect("begins");
    store
        .advance_in(
            &mut transaction,
            All::NAME,
            partition,
            claim.epoch,
            claim.at,
            next,
        )
        .await
        .expect("advances");
    store.commit(transaction).await.expect("commits");

    catch_up().await.expect("catches up");
    let handled = ReadModel::<All, _>::new(store).get("all").await;
    assert_eq!(handled.expect("reads"), Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_progress_topic_may_hold_records_of_others() {
    LazyLock::force(&COUNTERS);
    let config = kafka(&fresh_name());
    let progress = config.progress_topic("relay");
    let topics = KafkaTopics::new(&config).partitions(1);
    topics
        .create_for_categories(["note"])
        .await
        .expect("creates");
    topics.create_for_relay("relay", 1).await.expect("creates");
    let store = MemoryEventStore::default();
    // Until it has read the whole log.
    let relay = async || {
        let publisher = KafkaPublisher::new(config.clone());
        let relay = Relay::new("relay", store.clone(), publisher);
        let mut progress = relay.progress();
        let caught_up = async move {
            progress.until(|phase| *phase == Phase::CaughtUp).await;
        };
        let ended = tokio::time::timeout(MAX_WAIT, relay.run(caught_up)).await;
        ended
            .expect("ends in time")
            .map_err(|error| chain(&error).to_string())
    };
    let put = async |key: &'static str, value: &str| {
        let record = Record {
            key: Some(key),
            ..Record::default().value(Some(value.as_bytes()))
        };
        send(&config, &progress, Sent::Plainly, vec![record]).await;
    };

    put("shard-0", "hello").await;
    assert_eq!(relay().await, Ok(()));
    assert_eq!(counted("cqrs_foreign_progress_records", &progress), 1);

    append(&store, "relay.progress").await;
    let error = relay().await.expect_err("rejected");
    assert!(
        error.contains("\"relay.progress\"") && error.contains("rename"),
        "{error}"
    );

    put("layout", r#"{"layout":{"shards":65535}}"#).await;
    let error = relay().await.expect_err("rejected");
    assert!(
        error.contains(&progress) && error.contains("65535"),
        "{error}"
    );
    let place = format!("topic {progress:?}, partition 0, offset ");
    assert!(error.contains(&place), "{error}");
}

async fn append(store: &MemoryEventStore, category: &str) {
    let stream = StreamId::new(Category::new(category).expect("valid"), "a").expect("valid");
    let new = NewEvent::encode(&NoteEvent::Erased, cqrs_core::Metadata::default());
    let append = Append::new(stream, ExpectedVersion::Any, vec![new.expect("encodes")]);
    store.append(append).await.expect("appends");
}

/// The counters of this process, by name and topic.
#[derive(Debug, Clone, Default)]
struct Counters(Arc<Mutex<HashMap<(String, String), Arc<Sum>>>>);

#[derive(Debug, Default)]
struct Sum(AtomicU64);

static COUNTERS: LazyLock<Counters> = LazyLock::new(|| {
    let counters = Counters::default();
    metrics::set_global_recorder(counters.clone()).expect("the only recorder");
    counters
});

fn counted(counter: &str, topic: &str) -> u64 {
    let counters = COUNTERS.0.lock().expect("no panic");
    let sum = counters.get(&(counter.to_owned(), topic.to_owned()));
    sum.map_or(0, |sum| sum.0.load(Ordering::Relaxed))
}

impl CounterFn for Sum {
    fn increment(&self, value: u64) {
        self.0.fetch_add(value, Ordering::Relaxed);
    }

    fn absolute(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let topic = key.labels().find(|label| label.key() == "topic");
        let topic = topic.map_or("", |label| label.value()).to_owned();
        let mut counters = self.0.lock().expect("no panic");
        let sum = counters.entry((key.name().to_owned(), topic)).or_default();
        Counter::from_arc(Arc::clone(sum))
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
