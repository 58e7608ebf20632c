//! What a topic may hold: each row of the page is a case, on a real broker.

mod compacted;
mod counters;
mod created_again;
mod dead_letters;
mod more_partitions;
mod names;
mod open_transaction;
mod parked;
mod progress_topic;
mod rows;
mod skipped;
mod unknown_topic;

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
    DocumentKeys, Envelope, Event, EventId, EventStore, ExpectedVersion, MemoryEventStore,
    ReadModel, RecordedEvent, Relay, Runner, StreamId, Version, View, chain,
    model::{Category, Lane, NewEvent, Offset, PartitionId},
    ports::{Append, Checkpoints, Discards, Parking},
    read::RunnerError,
    run_loop::{Phase, Progress},
};
use cqrs_kafka::{KafkaConfig, KafkaGroup, KafkaPublisher, KafkaTopics, wire};
use cqrs_tests::servers::{self, MAX_WAIT, eventually, fresh_name, kafka, project};
use metrics::{
    Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use rdkafka::{
    ClientConfig,
    admin::{AdminOptions, NewTopic, TopicReplication},
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer},
};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::support::admin;

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

/// The largest record, in bytes.
const LARGE: &str = "20000000";

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
    /// Its key is parked for a reason that contains this text, and the checkpoint is behind it.
    Parked(&'static str),
    /// The runner waits in front of the record.
    Waits,
}

use Outcome::{Handled, Parked, PassedOver, Waits};

use self::{
    counters::{COUNTERS, counted},
    rows::{PROGRESS_ROWS, rows},
};

/// A row of the page: its first cell, and its cases.
type Row = (&'static str, Vec<Case>);

#[derive(Debug, Clone)]
struct Case {
    records: Vec<Record>,
    sent: Sent,
    partial: bool,
    outcome: Outcome,
}

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
    let topic = config.topic("note");
    create_for_large_records(&config, &topic).await;
    let sent = case.records.len() as u64;
    send(&config, &topic, case.sent, case.records).await;

    let store = MemoryEventStore::default();
    let source = KafkaGroup::new(&config, "notes")
        .categories(["note"])
        .source();
    let ended = if case.partial {
        let runner = Runner::over(&store, Partial, source).expect("a view");
        ended(runner.progress(), runner.catch_up()).await
    } else {
        let runner = Runner::over(&store, All, source).expect("a view");
        ended(runner.progress(), runner.catch_up()).await
    };
    let Some(ended) = ended else {
        return Ok(Waits);
    };
    let partition = PartitionId::Topic {
        topic: topic.as_str().into(),
        partition: 0,
    };
    let at = store.checkpoint(All::NAME, &partition).await;
    let at = at.expect("reads").map_or(0, |at| at.offset.get());
    let is_behind = at >= sent || case.sent == Sent::InTransaction { committed: false };
    let ended = ended.map_err(|error| chain(&error).to_string());
    let handled = ReadModel::<All, _>::new(&store).get("all").await;
    let handled = handled.expect("reads").unwrap_or_default();
    let happened = match (case.outcome, &ended) {
        (Handled(count), Ok(())) => handled == count && is_behind,
        (PassedOver(counter, count), Ok(())) => counted(counter, &topic) == count && is_behind,
        (Parked(text), Ok(())) => {
            let parked = store.parked(All::NAME).await.expect("reads");
            let [key] = &parked[..] else {
                return Err(format!("{parked:?} are parked"));
            };
            let waits = store.waiting(key).await.expect("counts");
            key.reason.contains(text) && waits == 1 && handled == 0 && is_behind
        }
        _ => false,
    };
    let found = format!("{handled} handled, at {at}, {ended:?}");
    if happened {
        Ok(case.outcome)
    } else {
        Err(found)
    }
}

/// How the runner ends; `None` if it waits for newer code.
async fn ended(
    progress: Progress,
    run: impl Future<Output = Result<(), RunnerError>>,
) -> Option<Result<(), RunnerError>> {
    let waits = eventually("the runner waits", async || {
        let partitions = progress.partitions();
        partitions
            .values()
            .any(|one| one.newer_events > 0 && one.checkpoint.is_none())
    });
    tokio::select! {
        ended = run => Some(ended),
        () = waits => None,
    }
}

async fn create_for_large_records(config: &KafkaConfig, topic: &str) {
    let new = NewTopic::new(topic, 1, TopicReplication::Fixed(1));
    let new = [new.set("max.message.bytes", LARGE)];
    let created = admin(config)
        .create_topics(&new, &AdminOptions::new())
        .await;
    created.expect("responds").remove(0).expect("creates");
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
    client.set("message.max.bytes", LARGE);
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
