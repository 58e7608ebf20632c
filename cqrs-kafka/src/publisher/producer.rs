//! One shard's producer: takes the shard over, and publishes in transactions. Every call blocks.

use std::time::Instant;

use cqrs_core::{RecordedEvent, model::Checkpoint, ports::PublishError};
use rdkafka::{
    error::{KafkaError as LibraryError, RDKafkaErrorCode as Code},
    producer::Producer,
};

use super::{
    client::TransactionalClient,
    delivery::{Delivery, DeliveryError},
    failure::ProducerFailure,
    progress::{Claim, ProgressRecord, PublishedPosition, ShardProgress, Topics},
    progress_reader::{ReadUntil, read_progress},
    shard::Shard,
    topic_check,
};
use crate::error::{ClientError, KafkaError};

/// The producer of a shard, until another one takes over or a call fails.
pub(super) struct ShardProducer {
    shard: Shard,
    /// The topics to which it has published.
    topics: Topics,
    client: TransactionalClient,
}

impl ShardProducer {
    /// Starts a producer, which fences all earlier ones of this shard and ends their open transaction.
    pub(super) fn fence(shard: &Shard) -> Result<Self, PublishError> {
        let producer = Self {
            client: TransactionalClient::new(shard)?,
            shard: shard.clone(),
            topics: Topics::new(),
        };
        let limit = producer.client.call_limit();
        producer
            .client
            .producer()
            .init_transactions(limit)
            .map_err(|error| producer.call_failed(error))?;
        Ok(producer)
    }

    /// Takes the shard over and reads its progress, which nobody else can change any more.
    pub(super) fn open(shard: &Shard) -> Result<(Self, ShardProgress), PublishError> {
        let mut producer = Self::fence(shard)?;
        let claim = Claim::of(shard);
        let own_claim = ReadUntil::Claim(claim.claim);
        producer.record(&[ProgressRecord::Claim(claim)])?;
        let progress = read_progress(shard, own_claim)?;
        producer.topics.clone_from(&progress.topics);
        Ok((producer, progress))
    }

    pub(super) fn shard(&self) -> &Shard {
        &self.shard
    }

    /// Publishes the events and the new position in one transaction. Do not use the producer after an error.
    pub(super) fn publish(
        &mut self,
        events: &[RecordedEvent],
        upto: Checkpoint,
    ) -> Result<(), PublishError> {
        self.prepare(events)?;
        self.begin()?;
        self.trace_stage("transaction begun", events);
        let written = self.deliver(events, upto)?;
        self.trace_stage("records delivered", events);
        self.commit()?;
        self.trace_stage("transaction committed", events);
        self.topics.extend(written);
        Ok(())
    }

    /// Writes progress records in a transaction of their own.
    pub(super) fn record(&self, records: &[ProgressRecord]) -> Result<(), PublishError> {
        self.begin()?;
        let recorded = self.delivery(&[]).record(records);
        recorded.map_err(|error| self.not_delivered(error))?;
        self.commit()
    }

    /// Checks the topics to which this shard has not published before.
    fn prepare(&mut self, events: &[RecordedEvent]) -> Result<(), PublishError> {
        for event in events {
            let category = event.stream.category().as_str();
            let topic = self.shard.event_topic(category);
            if self.topics.contains_key(&topic) {
                continue;
            }
            let progress = if topic == self.shard.progress_topic() {
                Err(KafkaError::CategoryIsProgress {
                    category: category.to_owned(),
                    topic: topic.clone(),
                    relay: self.shard.relay.clone(),
                })
            } else {
                topic_check::first_use(&self.shard, &topic)
            };
            let progress = progress.map_err(|error| first_use_failed(event, error))?;
            self.topics.insert(topic, progress);
        }
        Ok(())
    }

    fn begin(&self) -> Result<(), PublishError> {
        self.client.reports().reset();
        self.client
            .producer()
            .begin_transaction()
            .map_err(|error| self.call_failed(error))
    }

    /// Sends the events, then the progress with the offsets that the events got. Returns the topics as they are then.
    fn deliver(&self, events: &[RecordedEvent], upto: Checkpoint) -> Result<Topics, PublishError> {
        let delivery = self.delivery(events);
        let delivered = delivery.send().and_then(|written| {
            let topics = written.values().cloned().map(ProgressRecord::Topic);
            let position = PublishedPosition::new(upto, events.len());
            let position = ProgressRecord::Position(position);
            let records: Vec<_> = topics.chain([position]).collect();
            delivery.record(&records)?;
            Ok(written)
        });
        delivered.map_err(|error| self.not_delivered(error))
    }

    fn delivery<'a>(&'a self, events: &'a [RecordedEvent]) -> Delivery<'a> {
        Delivery {
            client: &self.client,
            shard: &self.shard,
            events,
            topics: &self.topics,
            deadline: Instant::now() + self.client.call_limit(),
        }
    }

    /// Ends the transaction.
    fn not_delivered(&self, error: DeliveryError) -> PublishError {
        let error = match error {
            DeliveryError::Rejected(error) => error,
            DeliveryError::Failed(failure) => self.publish_error(failure),
        };
        self.abort();
        error
    }

    fn commit(&self) -> Result<(), PublishError> {
        self.client
            .producer()
            .commit_transaction(self.client.call_limit())
            .map_err(|error| self.call_failed(error))
    }

    /// Lets consumers read past the open transaction. If this fails, the next start of the shard aborts it.
    fn abort(&self) {
        if self.client.fatal_failure().is_some() {
            return;
        }
        let timeout = self.client.transaction_timeout;
        if let Err(error) = self.client.producer().abort_transaction(timeout) {
            tracing::warn!(
                relay = self.shard.relay.as_str(),
                shard = self.shard.number,
                %error,
                "a transaction could not be aborted; the next start of the shard aborts it"
            );
        }
    }

    fn call_failed(&self, error: LibraryError) -> PublishError {
        let failure = self.client.fatal_failure().unwrap_or_else(|| {
            let code = match &error {
                LibraryError::Transaction(error) => Some(error.code()),
                other => other.rdkafka_error_code(),
            };
            let code = code.unwrap_or(Code::Unknown);
            self.client.failure(code, ClientError::from(error))
        });
        self.publish_error(failure)
    }

    /// A producer is fenced when another process takes over, but also when the broker aborts a transaction that took
    /// too long. The owner in the progress topic distinguishes the two.
    fn publish_error(&self, failure: ProducerFailure) -> PublishError {
        if failure.is_fence()
            && let Ok(progress) = read_progress(&self.shard, ReadUntil::End)
            && progress.owner() != Some(self.shard.owner)
        {
            return PublishError::Fenced;
        }
        failure.into()
    }

    /// The crash tests stop a process at these messages.
    fn trace_stage(&self, stage: &'static str, events: &[RecordedEvent]) {
        tracing::debug!(
            target: "cqrs_kafka::relay",
            relay = self.shard.relay.as_str(),
            shard = self.shard.number,
            count = events.len(),
            "{stage}"
        );
    }
}

/// A topic that is missing or cannot be used stops the relay at the event. Other errors are not about this event.
fn first_use_failed(event: &RecordedEvent, error: KafkaError) -> PublishError {
    match error {
        KafkaError::TopicMissing { .. }
        | KafkaError::InvalidName { .. }
        | KafkaError::CategoryIsProgress { .. } => PublishError::Rejected {
            event: event.to_string(),
            reason: error.into(),
        },
        KafkaError::Unreachable { .. } => PublishError::Reopen(error.into()),
        error => error.into(),
    }
}
