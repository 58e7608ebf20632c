//! The real servers, and what a test needs on them: a store, topics and a reader of another make.

use std::{path::Path, process::Stdio, time::Duration};

use cqrs_core::Event;
use cqrs_kafka::{KafkaConfig, KafkaTopics};
use cqrs_postgres::{PgConfig, PgEventStore};
use tokio::process::Command;
use uuid::Uuid;

use crate::domain::{CounterEvent, EchoEvent};

/// How long a test waits for what must happen before it fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The folder of the whole project.
#[must_use]
pub fn project() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A setting that `scripts/services` gives.
#[must_use]
pub fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!(
            "this test needs real servers and {name} is not set: run scripts/test, which starts PostgreSQL and Apache \
             Kafka; if Kafka's jars cannot be had here, set KAFKA_BROKERS to a broker of yours"
        )
    })
}

/// A name that nobody else uses.
#[must_use]
pub fn fresh_name() -> String {
    format!("t{}", Uuid::now_v7().simple())
}

/// The store in this schema of the test database, installed.
pub async fn store(schema: &str) -> PgEventStore {
    let config = PgConfig::new(setting("DATABASE_URL"))
        .schema(schema)
        .max_connections(8);
    PgEventStore::install(&config).await.expect("installs");
    PgEventStore::connect(&config).await.expect("connects")
}

/// The test brokers, with this prefix.
#[must_use]
pub fn kafka(prefix: &str) -> KafkaConfig {
    KafkaConfig::new(setting("KAFKA_BROKERS")).topic_prefix(prefix)
}

/// Creates the topics that the domain and the relay called `relay` need.
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

/// A record as Apache Kafka's own Java consumer shows it to a `read_committed` reader.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct Seen {
    /// The partition of the topic.
    pub partition: i32,
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
    /// The headers.
    pub headers: std::collections::BTreeMap<String, String>,
}

/// Everything in a topic that a `read_committed` consumer sees, read to the end by Apache's Java client.
pub async fn read_committed(brokers: &str, topic: &str) -> Vec<Seen> {
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
/// When it does not in time.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait)
        .await
        .unwrap_or_else(|_| panic!("waited in vain: {what}"));
}
