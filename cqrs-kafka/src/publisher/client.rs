//! The transactional producer of librdkafka behind one shard: its settings, and how it is closed.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    producer::{Producer, ThreadedProducer},
};

use super::{delivery_reports::DeliveryReports, failure::ProducerFailure, shard::Shard};
use crate::error::{KafkaError, invalid_setting};

/// The broker aborts a transaction that takes longer. It is short because `read_committed` consumers cannot read past
/// an open transaction.
const TRANSACTION_TIMEOUT_MS: u64 = 15_000;

/// librdkafka's own default for `message.max.bytes`.
pub(super) const MAX_MESSAGE_BYTES: &str = "1000000";

pub(super) struct TransactionalClient {
    /// Taken by `drop` only.
    producer: Option<ThreadedProducer<DeliveryReports>>,
    transactional_id: String,
    pub(super) transaction_timeout: Duration,
    /// The largest record that librdkafka accepts, for messages.
    pub(super) max_message_bytes: String,
}

impl TransactionalClient {
    pub(super) fn new(shard: &Shard) -> Result<Self, KafkaError> {
        let transactional_id = shard.transactional_id();
        let config = settings(shard, &transactional_id);
        let timeout = config
            .get("transaction.timeout.ms")
            .and_then(|millis| millis.parse().ok());
        let limit = config.get("message.max.bytes").unwrap_or(MAX_MESSAGE_BYTES);
        let producer = config
            .create_with_context(DeliveryReports::new(&shard.config))
            .map_err(|error| invalid_setting(&config, error))?;
        Ok(Self {
            producer: Some(producer),
            transactional_id,
            transaction_timeout: Duration::from_millis(timeout.unwrap_or(TRANSACTION_TIMEOUT_MS)),
            max_message_bytes: limit.to_owned(),
        })
    }

    pub(super) fn producer(&self) -> &ThreadedProducer<DeliveryReports> {
        self.producer
            .as_ref()
            .expect("the producer is taken by drop only")
    }

    pub(super) fn reports(&self) -> &DeliveryReports {
        self.producer().context()
    }

    /// How long a call may block. librdkafka would wait without limit, but the broker ends the transaction earlier.
    pub(super) fn call_limit(&self) -> Duration {
        self.transaction_timeout * 2
    }

    /// The error after which librdkafka accepts no further call, if there was one.
    pub(super) fn fatal_failure(&self) -> Option<ProducerFailure> {
        let (code, text) = self.producer().client().fatal_error()?;
        Some(self.failure(code, text))
    }

    pub(super) fn failure(
        &self,
        code: rdkafka::error::RDKafkaErrorCode,
        source: impl Into<cqrs_core::ports::BoxError>,
    ) -> ProducerFailure {
        ProducerFailure::new(&self.transactional_id, code, source)
    }
}

/// Closes the producer on a thread of its own, because closing waits for librdkafka's threads.
impl Drop for TransactionalClient {
    fn drop(&mut self) {
        let producer = self.producer.take();
        let thread = std::thread::Builder::new().name("kafka-close".to_owned());
        // Without a thread the closure is dropped here, and the producer with it.
        let _ = thread.spawn(move || drop(producer));
    }
}

fn settings(shard: &Shard, transactional_id: &str) -> ClientConfig {
    let timeout = TRANSACTION_TIMEOUT_MS.to_string();
    let defaults = [
        ("compression.type", "lz4"),
        ("linger.ms", "0"),
        ("queue.buffering.max.messages", "100000"),
        ("topic.metadata.propagation.max.ms", "5000"),
        ("transaction.timeout.ms", timeout.as_str()),
    ];
    let fixed = [
        ("acks", "all"),
        ("enable.idempotence", "true"),
        // The partitioner of Java's clients: all clients put a key into the same partition.
        ("partitioner", "murmur2_random"),
        ("transactional.id", transactional_id),
    ];
    shard.config.client(&defaults, &fixed)
}
