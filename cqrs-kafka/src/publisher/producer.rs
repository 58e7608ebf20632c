//! One shard's transactional producer: transactions, and what it means when one fails. Everything here blocks.

use std::time::Duration;

use cqrs_core::{Checkpoint, Lane, PublishError, RecordedEvent};
use rdkafka::{
    error::KafkaError as Failure,
    producer::{Producer, ThreadedProducer},
};

use super::{
    deliveries::Deliveries,
    failure::Fault,
    progress::{Books, Entry, Position, Until},
    shard::ShardId,
};

/// A shard's producer, in charge until another one starts or something is in doubt.
pub(super) struct ShardProducer {
    pub(super) id: ShardId,
    pub(super) lane: Lane,
    pub(super) timeout: Duration,
    /// The largest record that librdkafka takes.
    pub(super) limit: String,
    pub(super) producer: Closing,
}

impl ShardProducer {
    pub(super) fn id(&self) -> &ShardId {
        &self.id
    }

    /// Publishes events and place in one transaction. After an error the producer is not to be used again.
    pub(super) fn publish(
        &self,
        events: &[RecordedEvent],
        upto: Checkpoint,
    ) -> Result<(), PublishError> {
        let (relay, shard, count) = (self.id.relay.as_str(), self.id.shard, events.len());
        self.begin()?;
        tracing::debug!(target: "cqrs_kafka::relay", relay, shard, count, "transaction begun");
        let place = Entry::Position(Position::new(upto, count));
        self.deliver(events, &place).inspect_err(|_| self.abort())?;
        tracing::debug!(target: "cqrs_kafka::relay", relay, shard, count, "records delivered");
        self.commit()?;
        tracing::debug!(target: "cqrs_kafka::relay", relay, shard, count, "transaction committed");
        Ok(())
    }

    /// Writes one entry into the books, in a transaction of its own.
    pub(super) fn note(&self, entry: &Entry) -> Result<(), PublishError> {
        self.begin()?;
        self.deliver(&[], entry).inspect_err(|_| self.abort())?;
        self.commit()
    }

    fn begin(&self) -> Result<(), PublishError> {
        self.deliveries().begin();
        self.producer()
            .begin_transaction()
            .map_err(|error| self.unclear(&error))
    }

    fn commit(&self) -> Result<(), PublishError> {
        self.producer()
            .commit_transaction(self.bound())
            .map_err(|error| self.unclear(&error))
    }

    /// Frees what waits behind the open transaction. If this fails, the next start of the shard does it.
    fn abort(&self) {
        if self.producer().client().fatal_error().is_some() {
            return;
        }
        if let Err(error) = self.producer().abort_transaction(self.timeout) {
            let (relay, shard) = (self.id.relay.as_str(), self.id.shard);
            tracing::warn!(relay, shard, %error, "a transaction could not be aborted; opening the shard again does it");
        }
    }

    pub(super) fn unclear(&self, error: &Failure) -> PublishError {
        let fault = match self.producer().client().fatal_error() {
            Some((code, text)) => Fault::new(code, text),
            None => Fault::from(error),
        };
        self.doubt(fault)
    }

    /// A producer is fenced when another instance takes over, but also when the broker has given up a transaction that
    /// took too long. The books tell which.
    pub(super) fn doubt(&self, fault: Fault) -> PublishError {
        if !fault.is_fence() {
            return fault.into_error(self.lane.as_str());
        }
        let ours = |books: &Books| {
            books
                .claim
                .as_ref()
                .is_some_and(|claim| claim.owner == self.id.owner)
        };
        match self.id.read(Until::End) {
            Ok(books) if !ours(&books) => PublishError::Fenced {
                relay: self.id.relay.clone(),
            },
            _ => fault.into_error(self.lane.as_str()),
        }
    }

    /// librdkafka would wait for ever. Beyond twice the transaction's time the broker has decided anyway.
    pub(super) fn bound(&self) -> Duration {
        self.timeout * 2
    }

    pub(super) fn producer(&self) -> &ThreadedProducer<Deliveries> {
        self.producer
            .0
            .as_ref()
            .expect("it is taken out by drop only")
    }

    pub(super) fn deliveries(&self) -> &Deliveries {
        self.producer().context()
    }
}

/// Closes a producer on a thread of its own: it waits for librdkafka's threads.
pub(super) struct Closing(pub(super) Option<ThreadedProducer<Deliveries>>);

impl Drop for Closing {
    fn drop(&mut self) {
        let producer = self.0.take();
        let closing = std::thread::Builder::new().name("kafka-close".to_owned());
        // If no thread can be had, the closure is dropped here and the producer with it.
        let _ = closing.spawn(move || drop(producer));
    }
}
