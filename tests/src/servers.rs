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
    let jars = format!("{}/*", setting("CQRS_KAFKA_LIBS"));
    let program = project().join("tests/java/ReadCommitted.java");
    let mut java = Command::new("java");
    java.arg("-cp")
        .arg(jars)
        .arg(program)
        .args([brokers, topic])
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
