//! One shard's producer: takes the shard over, and publishes in transactions. Every call blocks.

use std::time::Instant;

use cqrs_core::{RecordedEvent, model::Checkpoint, ports::PublishError};
use rdkafka::{
    error::{KafkaError as LibraryError, RDKafkaErrorCode as Code},
    producer::Producer,
};
use uuid::Uuid;

use super::{
    client::TransactionalClient,
    delivery::{Delivery, DeliveryError},
    failure::ProducerFailure,
    progress::{Claim, ProgressRecord, PublishedPosition, ShardProgress},
    progress_reader::{ReadUntil, read_progress},
    shard::Shard,
};
use crate::error::ClientError;

/// The producer of a shard, until another one takes over or a call fails.
pub(super) struct ShardProducer {
    shard: Shard,
    client: TransactionalClient,
}

impl ShardProducer {
    /// Starts a producer, which fences all earlier ones of this shard and ends their open transaction.
    pub(super) fn fence(shard: &Shard) -> Result<Self, PublishError> {
        let producer = Self {
            client: TransactionalClient::new(shard)?,
            shard: shard.clone(),
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
        let producer = Self::fence(shard)?;
        let claim = Claim {
            owner: shard.owner,
            claim: Uuid::new_v4(),
            cluster_id: shard.cluster_id.clone(),
        };
        let own_claim = ReadUntil::Claim(claim.claim);
        producer.record(&ProgressRecord::Claim(claim))?;
        let progress = read_progress(shard, own_claim)?;
        Ok((producer, progress))
    }

    pub(super) fn shard(&self) -> &Shard {
        &self.shard
    }

    /// Publishes the events and the new position in one transaction. Do not use the producer after an error.
    pub(super) fn publish(
        &self,
        events: &[RecordedEvent],
        upto: Checkpoint,
    ) -> Result<(), PublishError> {
        let position = ProgressRecord::Position(PublishedPosition::new(upto, events.len()));
        self.begin()?;
        self.trace_stage("transaction begun", events);
        self.deliver(events, &position)?;
        self.trace_stage("records delivered", events);
        self.commit()?;
        self.trace_stage("transaction committed", events);
        Ok(())
    }

    /// Writes one progress record in a transaction of its own.
    pub(super) fn record(&self, record: &ProgressRecord) -> Result<(), PublishError> {
        self.begin()?;
        self.deliver(&[], record)?;
        self.commit()
    }

    fn begin(&self) -> Result<(), PublishError> {
        self.client.reports().reset();
        self.client
            .producer()
            .begin_transaction()
            .map_err(|error| self.call_failed(error))
    }

    fn deliver(
        &self,
        events: &[RecordedEvent],
        progress: &ProgressRecord,
    ) -> Result<(), PublishError> {
        let delivery = Delivery {
            client: &self.client,
            shard: &self.shard,
            events,
            deadline: Instant::now() + self.client.call_limit(),
        };
        let error = match delivery.run(progress) {
            Ok(()) => return Ok(()),
            Err(DeliveryError::Rejected(error)) => error,
            Err(DeliveryError::Failed(failure)) => self.publish_error(failure),
        };
        self.abort();
        Err(error)
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

    /// A producer is fenced when another instance takes over, but also when the broker aborts a transaction that took
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
