//! Sends the records of one transaction, and waits until all of them are written.

use std::time::{Duration, Instant};

use cqrs_core::{
    RecordedEvent,
    model::{Category, Lane, LogId},
    ports::{BoxError, PublishError},
};
use rdkafka::{
    error::{KafkaError as LibraryError, RDKafkaErrorCode as Code},
    message::{Header, OwnedHeaders, ToBytes},
    producer::{BaseRecord, Producer},
};

use super::{
    client::TransactionalClient,
    delivery_reports::FailedRecord,
    failure::{ProducerFailure, RejectedRecord},
    partitioner::partition,
    progress::{ProgressRecord, PublishedEnd, Topics},
    shard::Shard,
};
use crate::{
    error::{KafkaError, denied},
    wire,
};

/// How long to wait before librdkafka's queue is checked again.
const QUEUE_CHECK_INTERVAL: Duration = Duration::from_micros(50);

/// The events of one transaction on their way to the brokers.
pub(super) struct Delivery<'a> {
    pub(super) client: &'a TransactionalClient,
    pub(super) shard: &'a Shard,
    pub(super) events: &'a [RecordedEvent],
    /// The topics of the events, before this transaction.
    pub(super) topics: &'a Topics,
    pub(super) deadline: Instant,
}

/// Why the records of a transaction are not all written.
pub(super) enum DeliveryError {
    /// Kafka will never accept one of the records.
    Rejected(PublishError),
    Failed(ProducerFailure),
}

/// Why a record did not get into librdkafka's queue.
enum SendError {
    /// The event has no form on the wire, or no topic.
    Invalid {
        index: usize,
        error: BoxError,
    },
    Enqueue {
        index: usize,
        error: LibraryError,
    },
}

impl Delivery<'_> {
    /// Sends the events and waits until they are written. Returns what the topics have then.
    pub(super) fn send(&self) -> Result<Topics, DeliveryError> {
        self.send_events().map_err(|error| self.explain(error))?;
        self.wait_for_reports(self.events.len())?;
        self.written()
            .map_err(|error| DeliveryError::Rejected(KafkaError::into(error)))
    }

    /// Sends the progress records and waits until all records are written.
    pub(super) fn record(&self, progress: &[ProgressRecord]) -> Result<(), DeliveryError> {
        progress
            .iter()
            .try_for_each(|record| self.send_progress(record))
            .map_err(|error| self.explain(error))?;
        self.wait_for_reports(self.events.len() + progress.len())
    }

    /// The topics to which this transaction writes, with the records that are the last ones now.
    fn written(&self) -> Result<Topics, KafkaError> {
        let mut topics = Topics::new();
        for written in self.client.reports().written() {
            let Some(known) = self.topics.get(&written.topic) else {
                continue;
            };
            let topic = topics.entry(written.topic).or_insert_with(|| known.clone());
            let end = PublishedEnd {
                offset: written.last,
                event_id: self.events[written.index].id.as_uuid(),
            };
            match topic.ends.insert(written.partition, end) {
                // The topic is another one: offsets only rise.
                Some(before) if before.offset >= written.first => {
                    return Err(KafkaError::TopicLost {
                        relay: self.shard.relay.clone(),
                        topic: known.topic.clone(),
                        partition: written.partition,
                        offset: before.offset,
                        event: before.event_id.to_string(),
                        found: format!("nothing: it ended at offset {}", written.first),
                    });
                }
                _ => {}
            }
        }
        Ok(topics)
    }

    fn send_events(&self) -> Result<(), SendError> {
        let mut category = "";
        let mut topic = String::new();
        let mut lane = Lanes::new(self.shard);
        for (index, event) in self.events.iter().enumerate() {
            if event.stream.category().as_str() != category {
                category = event.stream.category().as_str();
                topic = self.shard.event_topic(category);
            }
            self.send_event(index, event, &topic, lane.of(event))?;
        }
        Ok(())
    }

    fn send_event(
        &self,
        index: usize,
        event: &RecordedEvent,
        topic: &str,
        lane: &Lane,
    ) -> Result<(), SendError> {
        let headers = self
            .headers(event, lane)
            .map_err(|error| SendError::Invalid {
                index,
                error: error.into(),
            })?;
        let partitions = self.topics.get(topic).map_or(1, |known| known.partitions);
        let record = BaseRecord::with_opaque_to(topic, index)
            .partition(partition(event.stream.id().as_bytes(), partitions))
            .key(event.stream.id())
            .payload(event.payload.as_ref())
            .headers(headers);
        self.enqueue(record)
            .map_err(|error| SendError::Enqueue { index, error })
    }

    fn send_progress(&self, progress: &ProgressRecord) -> Result<(), SendError> {
        let index = self.events.len();
        let topic = self.shard.progress_topic();
        let value = progress.to_json();
        let key = progress.key();
        let record = BaseRecord::with_opaque_to(&topic, index)
            .partition(i32::from(self.shard.number))
            .key(key.as_ref())
            .payload(&value);
        self.enqueue(record)
            .map_err(|error| SendError::Enqueue { index, error })
    }

    fn headers(&self, event: &RecordedEvent, lane: &Lane) -> Result<OwnedHeaders, wire::WireError> {
        let mut headers = Some(OwnedHeaders::new_with_capacity(
            14 + event.metadata.headers.len(),
        ));
        wire::encode(event, self.shard.config.prefix(), lane, |key, value| {
            let value = Some(value);
            headers = headers.take().map(|all| all.insert(Header { key, value }));
        })?;
        Ok(headers.unwrap_or_default())
    }

    /// Puts a record into librdkafka's queue. Waits while the queue is full.
    fn enqueue<P: ToBytes + ?Sized>(
        &self,
        mut record: BaseRecord<'_, str, P, usize>,
    ) -> Result<(), LibraryError> {
        let reports = self.client.reports();
        loop {
            record = match self.client.producer().send(record) {
                Ok(()) => return Ok(()),
                Err((LibraryError::MessageProduction(Code::QueueFull), record)) => record,
                Err((error, _)) => return Err(error),
            };
            let has_room = reports.wait(reports.count() + 1, self.deadline);
            if !has_room || !reports.failed().is_empty() {
                return Err(LibraryError::MessageProduction(Code::QueueFull));
            }
        }
    }

    /// **Invariant**: no commit before every record is known to be written.
    fn wait_for_reports(&self, records: usize) -> Result<(), DeliveryError> {
        let reports = self.client.reports();
        let in_time = reports.wait(records, self.deadline);
        let failed = reports.failed();
        if !failed.is_empty() {
            return Err(self.delivery_error(&failed));
        }
        if !in_time {
            let failure = self.client.failure(
                Code::OperationTimedOut,
                "the records were not delivered in time",
            );
            return Err(DeliveryError::Failed(failure));
        }
        // librdkafka counts the last report as in flight until its callback returns, and a commit that finds anything in
        // flight sleeps for 100 ms at a time. So wait here.
        while self.client.producer().in_flight_count() > 0 && Instant::now() < self.deadline {
            std::thread::sleep(QUEUE_CHECK_INTERVAL);
        }
        Ok(())
    }

    fn explain(&self, error: SendError) -> DeliveryError {
        match error {
            SendError::Invalid { index, error } => rejected(&self.events[index], error),
            SendError::Enqueue { index, error } => {
                let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
                let mut failed = self.client.reports().failed();
                failed.push(FailedRecord { index, code });
                self.delivery_error(&failed)
            }
        }
    }

    /// Names the event that Kafka rejects, if it is an event that makes the transaction fail.
    fn delivery_error(&self, failed: &[FailedRecord]) -> DeliveryError {
        if let Some(failure) = self.client.fatal_failure() {
            return DeliveryError::Failed(failure);
        }
        if let Some(topic) = self.client.reports().denied_topic() {
            let topic = format!("topic {topic:?}");
            let error = denied(topic, "WRITE", Code::TopicAuthorizationFailed);
            return DeliveryError::Rejected(error.into());
        }
        let permanent = failed
            .iter()
            .filter_map(|record| self.permanent_error(*record));
        // A broker rejects a whole group of records when one of them is too large. The largest is the one to name.
        if let Some((_, error)) = permanent.max_by_key(|(bytes, _)| *bytes) {
            return error;
        }
        let code = failed.first().map_or(Code::Unknown, |record| record.code);
        DeliveryError::Failed(self.client.failure(code, code))
    }

    fn permanent_error(&self, failed: FailedRecord) -> Option<(usize, DeliveryError)> {
        match self.events.get(failed.index) {
            Some(event) => {
                let topic = self.shard.event_topic(event.stream.category().as_str());
                let bytes = self.record_size(event);
                let error = self
                    .rejected_record(&topic, bytes)
                    .permanent_error(failed.code)?;
                Some((bytes, rejected(event, error)))
            }
            // The progress record. Without it no event can be published.
            None => {
                let topic = self.shard.progress_topic();
                let error = self
                    .rejected_record(&topic, 0)
                    .permanent_error(failed.code)?;
                Some((usize::MAX, DeliveryError::Rejected(error.into())))
            }
        }
    }

    fn rejected_record<'a>(&'a self, topic: &'a str, bytes: usize) -> RejectedRecord<'a> {
        RejectedRecord {
            topic,
            brokers: self.shard.config.brokers(),
            bytes,
            limit: &self.client.max_message_bytes,
        }
    }

    /// The size of a record without Kafka's framing.
    fn record_size(&self, event: &RecordedEvent) -> usize {
        let mut bytes = event.payload.len() + event.stream.id().len();
        let count = |name: &str, value: &[u8]| bytes += name.len() + value.len();
        // An event that cannot be encoded was rejected before it was sent.
        let lane = self.shard.lane(event.stream.category(), event.position);
        let _ = wire::encode(event, self.shard.config.prefix(), &lane, count);
        bytes
    }
}

/// The lane of the last event, which most events repeat.
struct Lanes<'a> {
    shard: &'a Shard,
    last: Option<(Category, LogId, Lane)>,
}

impl<'a> Lanes<'a> {
    const fn new(shard: &'a Shard) -> Self {
        Self { shard, last: None }
    }

    fn of(&mut self, event: &RecordedEvent) -> &Lane {
        let category = event.stream.category();
        let log = self.shard.log.id_of(event.position);
        let same = |(of, id, _): &(Category, LogId, Lane)| of == category && *id == log;
        let last = self.last.take().filter(same);
        let new = || {
            let lane = self.shard.lane(category, event.position);
            (category.clone(), log, lane)
        };
        &self.last.insert(last.unwrap_or_else(new)).2
    }
}

fn rejected(event: &RecordedEvent, error: impl Into<BoxError>) -> DeliveryError {
    DeliveryError::Rejected(PublishError::Rejected {
        event: event.to_string(),
        reason: error.into(),
    })
}
