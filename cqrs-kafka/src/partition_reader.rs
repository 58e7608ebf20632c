//! Reads a range of a partition up to its current end, outside of any consumer group. Every call blocks.

use std::{
    ops::{ControlFlow, Range},
    time::{Duration, Instant},
};

use cqrs_core::ports::BoxError;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError as LibraryError,
    message::BorrowedMessage,
};

use crate::{
    config::KafkaConfig,
    error::{ClientError, KafkaError, internal, unreadable},
    logging::{LoggingContext, is_about_the_group, reading_client},
};

/// How many of the last offsets to read first: one record and the marker after it.
const FIRST_WINDOW: i64 = 2;

/// The factor by which each further window is larger.
const WINDOW_GROWTH: i64 = 8;

pub(crate) struct PartitionReader {
    consumer: BaseConsumer<LoggingContext>,
    brokers: String,
    timeout: Duration,
}

impl PartitionReader {
    /// librdkafka requires the name of a group. The group is not joined and no offset is committed.
    pub(crate) fn new(config: &KafkaConfig, group: &str) -> Result<Self, KafkaError> {
        let defaults = [("fetch.wait.max.ms", "50")];
        let fixed = [
            ("group.id", group),
            ("enable.auto.commit", "false"),
            ("enable.partition.eof", "true"),
            ("isolation.level", "read_committed"),
            ("auto.offset.reset", "earliest"),
        ];
        Ok(Self {
            consumer: reading_client(config, &config.client(&defaults, &fixed))?,
            brokers: config.brokers().to_owned(),
            timeout: config.response_timeout,
        })
    }

    /// The offset of the first record that is still there, and the one after the last.
    pub(crate) fn range(&self, topic: &str, partition: i32) -> Result<(i64, i64), KafkaError> {
        self.consumer
            .fetch_watermarks(topic, partition, self.timeout)
            .map_err(|error| self.unreachable(ClientError::from(error)))
    }

    /// What `look` makes of the last record that a consumer gets; `None` if there is none.
    ///
    /// Kafka's own end is later: a transaction ends with a marker, which has an offset and is never delivered.
    pub(crate) fn last<T>(
        &self,
        topic: &str,
        partition: i32,
        look: impl Fn(&BorrowedMessage<'_>) -> T,
    ) -> Result<Option<T>, KafkaError> {
        let (low, high) = self.range(topic, partition)?;
        self.last_before(topic, partition, low..high, look)
    }

    /// What `look` makes of the last record of a range that a consumer gets; `None` if there is none.
    pub(crate) fn last_before<T>(
        &self,
        topic: &str,
        partition: i32,
        range: Range<i64>,
        look: impl Fn(&BorrowedMessage<'_>) -> T,
    ) -> Result<Option<T>, KafkaError> {
        let mut window = FIRST_WINDOW;
        loop {
            let from = range.end.saturating_sub(window).max(range.start);
            let mut last = None;
            self.read_while(topic, partition, from, |record| {
                if record.offset() >= range.end {
                    return ControlFlow::Break(());
                }
                last = Some(look(record));
                ControlFlow::Continue(())
            })?;
            if last.is_some() || from == range.start {
                return Ok(last);
            }
            window = window.saturating_mul(WINDOW_GROWTH);
        }
    }

    /// What `look` makes of the first record from an offset on that a consumer gets; `None` if there is none.
    pub(crate) fn first<T>(
        &self,
        topic: &str,
        partition: i32,
        from: i64,
        look: impl Fn(&BorrowedMessage<'_>) -> T,
    ) -> Result<Option<T>, KafkaError> {
        let mut first = None;
        self.read_while(topic, partition, from, |record| {
            first = Some(look(record));
            ControlFlow::Break(())
        })?;
        Ok(first)
    }

    /// Calls `take` with each record from an offset to the current end.
    pub(crate) fn read(
        &self,
        topic: &str,
        partition: i32,
        from: i64,
        mut take: impl FnMut(&BorrowedMessage<'_>),
    ) -> Result<(), KafkaError> {
        self.read_while(topic, partition, from, |record| {
            take(record);
            ControlFlow::Continue(())
        })
    }

    /// Calls `take` with each record from an offset on, until it breaks off or at the current end.
    fn read_while(
        &self,
        topic: &str,
        partition: i32,
        from: i64,
        mut take: impl FnMut(&BorrowedMessage<'_>) -> ControlFlow<()>,
    ) -> Result<(), KafkaError> {
        let mut start = TopicPartitionList::new();
        start
            .add_partition_offset(topic, partition, Offset::Offset(from))
            .and_then(|()| self.consumer.assign(&start))
            .map_err(|error| internal("a partition could not be assigned", error))?;
        let mut responded = Instant::now();
        while responded.elapsed() < self.timeout {
            match self.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(record)) => {
                    // A record of the last assignment may still arrive.
                    if record.topic() == topic
                        && record.partition() == partition
                        && take(&record).is_break()
                    {
                        return Ok(());
                    }
                    responded = Instant::now();
                }
                Some(Err(LibraryError::PartitionEOF(ended))) if ended == partition => return Ok(()),
                Some(Err(LibraryError::PartitionEOF(_))) | None => {}
                Some(Err(error)) if is_about_the_group(&error) => {}
                Some(Err(error)) => {
                    if let Some(error) = unreadable(topic, &error) {
                        return Err(error);
                    }
                    tracing::warn!(topic, partition, %error, "reading from Kafka is delayed");
                }
            }
        }
        Err(self.unreachable(format!(
            "topic {topic:?}, partition {partition} was not read"
        )))
    }

    fn unreachable(&self, error: impl Into<BoxError>) -> KafkaError {
        KafkaError::Unreachable {
            brokers: self.brokers.clone(),
            waited: self.timeout,
            source: error.into(),
        }
    }
}
