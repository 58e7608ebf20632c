//! The real servers, and helpers for tests: a store, topics and an independent reader.

use std::{path::Path, process::Stdio, time::Duration};

use cqrs_core::Event;
use cqrs_kafka::{KafkaConfig, KafkaTopics};
use cqrs_postgres::{PgConfig, PgEventStore};
use tokio::process::Command;
use uuid::Uuid;

use crate::domain::{CounterEvent, EchoEvent};

/// The longest wait of a test before it fails.
pub const MAX_WAIT: Duration = Duration::from_secs(60);

/// The root folder of the project.
#[must_use]
pub fn project() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A setting that `scripts/services` exports.
#[must_use]
pub fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "this test needs real servers and {name} is not set: run scripts/test, which starts PostgreSQL and Apache \
             Kafka; if Kafka's jars cannot be downloaded here, set KAFKA_BROKERS to your own broker"
        )
    })
}

/// A unique name.
#[must_use]
pub fn fresh_name() -> String {
    format!("t{}", Uuid::now_v7().simple())
}

/// A store in this schema of the test database. Installs the schema.
pub async fn store(schema: &str) -> PgEventStore {
    let config = PgConfig::new(setting("DATABASE_URL"))
        .schema(schema)
        .max_connections(8)
        .idle_in_transaction_timeout(Duration::from_secs(2))
        .lease(Duration::from_secs(3))
        .settle(Duration::from_secs(1));
    PgEventStore::install(&config).await.expect("installs");
    PgEventStore::connect(&config).await.expect("connects")
}

/// The settings for the test brokers, with this topic prefix.
#[must_use]
pub fn kafka(prefix: &str) -> KafkaConfig {
    KafkaConfig::new(setting("KAFKA_BROKERS")).topic_prefix(prefix)
}

/// Creates the topics of the domain and the progress topic of the relay called `relay`.
pub async fn create_topics(kafka: &KafkaConfig) {
    let topics = KafkaTopics::new(kafka).partitions(3);
    let categories = [CounterEvent::CATEGORY, EchoEvent::CATEGORY];
    topics
        .create_for_categories(categories)
        .await
        .expect("creates topics");
    topics
        .create_for_relay("relay", 1)
        .await
        .expect("creates the progress topic");
}

/// A record, as Apache Kafka's Java consumer reads it.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct ConsumedRecord {
    /// The partition of the topic.
    pub partition: i32,
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
    /// The headers.
    pub headers: std::collections::BTreeMap<String, String>,
}

/// All records of a topic that a `read_committed` consumer sees, read by Apache's Java client.
pub async fn read_committed(brokers: &str, topic: &str) -> Vec<ConsumedRecord> {
    java("ReadCommitted", &[brokers, topic]).await
}

/// A dead letter, as a Java consumer reads it that decodes its headers as Spring does.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct ConsumedLetter {
    /// The partition of the topic `..-dlt`.
    pub partition: i32,
    /// The key in hexadecimal; `None` without one.
    pub key: Option<String>,
    /// The value in hexadecimal.
    pub value: Option<String>,
    /// The headers of the original in their order, with values in hexadecimal.
    pub headers: Vec<(String, Option<String>)>,
    /// `kafka_dlt-original-topic`.
    pub topic: String,
    /// `kafka_dlt-original-partition`.
    pub original_partition: i32,
    /// `kafka_dlt-original-offset`.
    pub offset: i64,
    /// `kafka_dlt-original-timestamp`.
    pub timestamp: i64,
    /// `kafka_dlt-original-timestamp-type`.
    pub timestamp_type: String,
    /// `kafka_dlt-original-consumer-group`.
    pub group: String,
    /// `kafka_dlt-exception-fqcn`.
    pub exception: String,
    /// `kafka_dlt-exception-message`.
    pub message: String,
}

/// All records of a topic of dead letters, read by Apache's Java client.
pub async fn dead_letters(brokers: &str, topic: &str) -> Vec<ConsumedLetter> {
    java("DeadLetters", &[brokers, topic]).await
}

/// Runs a program that prints JSON lines.
async fn java<T: serde::de::DeserializeOwned>(program: &str, arguments: &[&str]) -> Vec<T> {
    let jars = format!("{}/*", setting("CQRS_KAFKA_LIBS"));
    let program = project().join(format!("tests/java/{program}.java"));
    let mut java = Command::new("java");
    java.arg("-cp")
        .arg(jars)
        .arg(program)
        .args(arguments)
        .stderr(Stdio::piped());
    let output = java
        .output()
        .await
        .expect("runs Java, which scripts/services installs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("a record as JSON"))
        .collect()
}

/// Waits until `condition` holds.
///
/// # Panics
/// When it does not hold in time.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(MAX_WAIT, wait)
        .await
        .unwrap_or_else(|_| panic!("timed out: {what}"));
}
