//! The producer of dead letters. Every call blocks.

use std::{
    error::Error,
    sync::mpsc::{Sender, channel},
    time::Duration,
};

use cqrs_core::ports::DeadLetter;
use rdkafka::{
    ClientContext,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    error::{KafkaError as LibraryError, RDKafkaErrorCode as Code},
    producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer},
};

use super::headers::headers;
use crate::{
    cluster::ClusterClient,
    config::KafkaConfig,
    error::{KafkaError, internal, invalid_setting},
    logging::{Callbacks, log},
    publisher::{client::MAX_MESSAGE_BYTES, failure::RejectedRecord},
};

/// How much longer than its own limit librdkafka may take for the report of a record.
const GRACE: Duration = Duration::from_secs(5);

pub(super) struct DeadLetterClient {
    config: KafkaConfig,
    cluster: ClusterClient,
    /// Taken by `drop` only.
    producer: Option<ThreadedProducer<Reports>>,
    max_message_bytes: String,
}

impl DeadLetterClient {
    pub(super) fn connect(config: &KafkaConfig) -> Result<Self, KafkaError> {
        let cluster = ClusterClient::connect(config)?;
        let timeout = config.response_timeout.as_millis().to_string();
        let defaults = [("compression.type", "lz4"), ("linger.ms", "0")];
        let fixed = [
            ("acks", "all"),
            ("enable.idempotence", "true"),
            // The partitioner of Java's clients.
            ("partitioner", "murmur2_random"),
            ("message.timeout.ms", timeout.as_str()),
        ];
        let settings = config.client(&defaults, &fixed);
        let limit = settings.get("message.max.bytes");
        let max_message_bytes = limit.unwrap_or(MAX_MESSAGE_BYTES).to_owned();
        let producer = settings
            .create_with_context(Reports(Callbacks::new(config)))
            .map_err(|error| invalid_setting(&settings, error))?;
        Ok(Self {
            config: config.clone(),
            cluster,
            producer: Some(producer),
            max_message_bytes,
        })
    }

    /// Returns once all in-sync replicas have the record.
    pub(super) fn publish(&self, letter: &DeadLetter, group: &str) -> Result<(), KafkaError> {
        let topic = format!("{}-dlt", letter.record.topic);
        let partitions = self.cluster.partitions(&topic)?;
        let (report, reported) = channel();
        let mut record = BaseRecord::with_opaque_to(&topic, Box::new(report));
        record.key = letter.record.key.as_deref();
        record.payload = letter.record.value.as_deref();
        let number = letter.record.partition;
        let exists = usize::try_from(number).is_ok_and(|number| number < partitions);
        record.partition = exists.then_some(number);
        record = record.headers(headers(letter, group));
        if let Err((error, _)) = self.producer().send::<[u8], [u8]>(record) {
            let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
            return Err(self.error(&topic, letter, code));
        }
        let limit = self.config.response_timeout + GRACE;
        match reported.recv_timeout(limit) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(code)) => Err(self.error(&topic, letter, code)),
            Err(_) => Err(self.error(&topic, letter, Code::MessageTimedOut)),
        }
    }

    fn producer(&self) -> &ThreadedProducer<Reports> {
        self.producer
            .as_ref()
            .expect("the producer is taken by drop only")
    }

    fn error(&self, topic: &str, letter: &DeadLetter, code: Code) -> KafkaError {
        let length = |part: &Option<bytes::Bytes>| part.as_ref().map_or(0, bytes::Bytes::len);
        let rejected = RejectedRecord {
            topic,
            brokers: self.config.brokers(),
            bytes: length(&letter.record.key) + length(&letter.record.value),
            limit: &self.max_message_bytes,
        };
        rejected
            .permanent_error(code)
            .unwrap_or_else(|| match code {
                Code::MessageTimedOut => self.cluster.unreachable(code),
                code => internal(
                    "the producer of dead letters failed; it is made again",
                    LibraryError::MessageProduction(code),
                ),
            })
    }
}

/// Closes the producer on a thread of its own, because closing waits for librdkafka's threads.
impl Drop for DeadLetterClient {
    fn drop(&mut self) {
        let producer = self.producer.take();
        let thread = std::thread::Builder::new().name("kafka-close".to_owned());
        // Without a thread the closure is dropped here, and the producer with it.
        let _ = thread.spawn(move || drop(producer));
    }
}

/// Tells who waits for a record how that went.
struct Reports(Callbacks);

impl ClientContext for Reports {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: LibraryError, reason: &str) {
        self.0.error(&error, reason);
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.0.token()
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<Sender<Result<(), Code>>>;

    fn delivery(&self, result: &DeliveryResult<'_>, report: Self::DeliveryOpaque) {
        let code = |error: &LibraryError| error.rdkafka_error_code().unwrap_or(Code::Unknown);
        let outcome = result.as_ref().map(drop);
        // Who waited may have given up.
        let _ = report.send(outcome.map_err(|(error, _)| code(error)));
    }
}
