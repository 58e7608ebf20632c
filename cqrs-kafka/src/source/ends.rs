//! Finds the ends of topics: the offset after the last event of each partition.
//!
//! Kafka's own end is later: a transaction ends with a marker, which has an offset and is never delivered. So a reader
//! never reaches Kafka's end.

use std::{sync::Arc, time::Duration, time::Instant};

use cqrs_core::model::{Offset, PartitionId};
use rdkafka::{
    Message, Offset as KafkaOffset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError as LibraryError,
};

use super::SourceOptions;
use crate::{
    cluster::ClusterClient,
    error::{ClientError, KafkaError, internal, invalid_setting, unreadable},
    logging::LoggingContext,
};

/// How many of the last offsets to read first: one record and the marker after it.
const FIRST_WINDOW: i64 = 2;

/// The factor by which each further window is larger.
const WINDOW_GROWTH: i64 = 8;

/// Where each partition of the topics ends. Partitions without events are left out. Blocks.
pub(super) fn find_ends(options: &SourceOptions) -> Result<Vec<(PartitionId, Offset)>, KafkaError> {
    let cluster = ClusterClient::connect(&options.config)?;
    let finder = EndFinder::new(options)?;
    let mut ends = Vec::new();
    for topic in &options.topics {
        let partitions = cluster.partitions(topic)?;
        let topic: Arc<str> = topic.as_str().into();
        for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
            if let Some(last) = finder.last_record(&topic, partition)? {
                let topic = Arc::clone(&topic);
                let end = Offset::new(last.unsigned_abs() + 1);
                ends.push((PartitionId::Topic { topic, partition }, end));
            }
        }
    }
    Ok(ends)
}

struct EndFinder {
    consumer: BaseConsumer<LoggingContext>,
    brokers: String,
    timeout: Duration,
}

impl EndFinder {
    fn new(options: &SourceOptions) -> Result<Self, KafkaError> {
        let defaults = [("fetch.wait.max.ms", "50")];
        let fixed = [
            // librdkafka requires a group name. The group is not joined and no offset is committed.
            ("group.id", options.group.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.partition.eof", "true"),
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "earliest"),
        ];
        let client = options.config.client(&defaults, &fixed);
        Ok(Self {
            consumer: client
                .create_with_context(LoggingContext::default())
                .map_err(invalid_setting)?,
            brokers: options.config.brokers().to_owned(),
            timeout: options.config.response_timeout,
        })
    }

    /// The offset of the last record that a consumer gets.
    fn last_record(&self, topic: &str, partition: i32) -> Result<Option<i64>, KafkaError> {
        let (low, high) = self
            .consumer
            .fetch_watermarks(topic, partition, self.timeout)
            .map_err(|error| self.unreachable(ClientError::from(error)))?;
        let mut window = FIRST_WINDOW;
        loop {
            let from = high.saturating_sub(window).max(low);
            let last = self.last_record_from(topic, partition, from)?;
            if last.is_some() || from == low {
                return Ok(last);
            }
            window = window.saturating_mul(WINDOW_GROWTH);
        }
    }

    fn last_record_from(
        &self,
        topic: &str,
        partition: i32,
        from: i64,
    ) -> Result<Option<i64>, KafkaError> {
        let mut start = TopicPartitionList::new();
        start
            .add_partition_offset(topic, partition, KafkaOffset::Offset(from))
            .and_then(|()| self.consumer.assign(&start))
            .map_err(|error| internal("a partition could not be assigned", error))?;
        let mut last = None;
        let mut responded = Instant::now();
        while responded.elapsed() < self.timeout {
            match self.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(record)) => {
                    last = Some(record.offset());
                    responded = Instant::now();
                }
                Some(Err(LibraryError::PartitionEOF(_))) => return Ok(last),
                Some(Err(error)) => {
                    if let Some(error) = unreadable(topic, &error) {
                        return Err(error);
                    }
                    tracing::warn!(topic, partition, %error, "reading from Kafka is delayed");
                }
                None => {}
            }
        }
        Err(self.unreachable(format!(
            "topic {topic:?}, partition {partition} was not read"
        )))
    }

    fn unreachable(
        &self,
        error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> KafkaError {
        KafkaError::Unreachable {
            brokers: self.brokers.clone(),
            waited: self.timeout,
            source: error.into(),
        }
    }
}
