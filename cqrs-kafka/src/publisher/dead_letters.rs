//! Publishes dead letters: the records that a runner could not handle, to `{topic}-dlt`, in the form of Spring Kafka's
//! `DeadLetterPublishingRecoverer`.

mod client;
mod headers;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cqrs_core::ports::{DeadLetter, DeadLetters, Published};

use self::client::DeadLetterClient;
use crate::{blocking::run_blocking, config::KafkaConfig, error::KafkaError};

/// Publishes the records that a runner over topics could not handle, for [`Runner::dead_letters`](cqrs_core::Runner::dead_letters).
///
/// The record of a topic goes to `{topic}-dlt`, which must exist: into the partition of the same number, or, where the topic has fewer
/// partitions, into that of its key. It has key, value and headers of the original, and the headers of Spring Kafka's
/// `DeadLetterPublishingRecoverer`, in Spring's encodings:
///
/// | Header `kafka_dlt-..` | Value |
/// | --- | --- |
/// | `original-topic` | text |
/// | `original-partition` | `int`: 4 bytes, the highest first |
/// | `original-offset` | `long`: 8 bytes, the highest first |
/// | `original-timestamp` | `long`: milliseconds since 1970, or -1 |
/// | `original-timestamp-type` | `CreateTime`, `LogAppendTime` or `NoTimestampType` |
/// | `original-consumer-group` | text |
/// | `exception-fqcn` | `cqrs.` and the [`FailureKind`](cqrs_core::model::FailureKind), for example `cqrs.Undecodable` |
/// | `exception-message` | the error with its sources |
///
/// A record that was a dead letter before keeps its older `original-..` headers in front of the new ones. Its older `exception-..` headers are
/// replaced. A header whose name is not UTF-8 is `\u{fffd}` without a value.
///
/// **Guarantee**: at least once, after all in-sync replicas have the record. Readers tell repeats by topic, partition and offset of the
/// original.
///
/// ```no_run
/// # use cqrs_core::{DocumentKeys, Envelope, Event, MemoryEventStore, Runner, View};
/// # use cqrs_kafka::{KafkaConfig, KafkaDeadLetters, KafkaGroup};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum OrderEvent { Placed }
/// # impl Event for OrderEvent { const CATEGORY: &'static str = "order"; }
/// # struct Orders;
/// # impl View for Orders {
/// #     const NAME: &'static str = "orders"; type Events = OrderEvent; type Document = u64;
/// #     fn keys(&self, event: &Envelope<OrderEvent>) -> DocumentKeys { event.id().into() }
/// #     fn apply(&self, _: &str, n: Option<u64>, _: &Envelope<OrderEvent>) -> Option<u64> { Some(n.unwrap_or(0) + 1) }
/// # }
/// # async fn consume(stop: impl Future<Output = ()> + Send) -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// let kafka = KafkaConfig::new("localhost:9092").topic_prefix("shop");
/// let source = KafkaGroup::new(&kafka, "orders").categories(["order"]).source();
/// Runner::over(&store, Orders, source)?
///     .dead_letters(KafkaDeadLetters::new(&kafka, "orders"))
///     .run(stop)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct KafkaDeadLetters(Arc<Inner>);

struct Inner {
    config: KafkaConfig,
    group: String,
    /// From the first dead letter on. Replaced after an error.
    client: Mutex<Option<Arc<DeadLetterClient>>>,
}

impl KafkaDeadLetters {
    /// Publishes what the group `{prefix}.{name}` could not handle. It connects with the first record.
    #[must_use]
    pub fn new(config: &KafkaConfig, name: impl AsRef<str>) -> Self {
        Self(Arc::new(Inner {
            config: config.clone(),
            group: config.group(name.as_ref()),
            client: Mutex::default(),
        }))
    }
}

impl DeadLetters for KafkaDeadLetters {
    fn publish<'a>(&'a self, letter: &'a DeadLetter) -> Published<'a> {
        let (inner, letter) = (Arc::clone(&self.0), letter.clone());
        Box::pin(async move { Ok(run_blocking(move || inner.publish(&letter)).await??) })
    }
}

impl Inner {
    fn publish(&self, letter: &DeadLetter) -> Result<(), KafkaError> {
        let client = self.client()?;
        let published = client.publish(letter, &self.group);
        if published.is_err() {
            *self.current() = None;
        }
        published
    }

    fn client(&self) -> Result<Arc<DeadLetterClient>, KafkaError> {
        let mut current = self.current();
        if let Some(client) = &*current {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(DeadLetterClient::connect(&self.config)?);
        *current = Some(Arc::clone(&client));
        Ok(client)
    }

    fn current(&self) -> MutexGuard<'_, Option<Arc<DeadLetterClient>>> {
        self.client.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for KafkaDeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaDeadLetters")
            .field("config", &self.0.config)
            .field("group", &self.0.group)
            .finish_non_exhaustive()
    }
}
