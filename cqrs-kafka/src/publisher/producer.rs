//! One shard's transactional producer. Everything here blocks.

use std::time::{Duration, Instant};

use cqrs_core::{Checkpoint, Lane, PublishError, RecordedEvent};
use rdkafka::{
    error::{KafkaError as Failure, RDKafkaErrorCode as Code},
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, Producer, ThreadedProducer},
};
use uuid::Uuid;

use super::{
    deliveries::Deliveries,
    failure::{Fault, refusal, size},
    progress::{self, Books, Claim, Entry, Position, Until},
};
use crate::{KafkaConfig, KafkaError, connection::refused, wire};

/// A transaction that takes longer is given up by the broker. Until then its open end hides everything behind it from
/// consumers, so it is short.
const TRANSACTION_TIMEOUT_MS: u64 = 15_000;

/// Which shard, and on whose behalf.
#[derive(Debug, Clone)]
pub(super) struct ShardId {
    pub(super) config: KafkaConfig,
    pub(super) relay: String,
    pub(super) shard: u16,
    /// One opening of the relay.
    pub(super) owner: Uuid,
    pub(super) cluster_id: String,
}

impl ShardId {
    pub(super) fn lane(&self) -> String {
        self.config.shard(&self.relay, self.shard)
    }

    pub(super) fn progress_topic(&self) -> String {
        self.config.progress_topic(&self.relay)
    }

    pub(super) fn read(&self, until: Until) -> Result<Books, KafkaError> {
        progress::read(&self.config, &self.progress_topic(), self.shard, until)
    }

    /// Makes a producer whose start ends every earlier one of this shard, and finishes or aborts what that had open.
    pub(super) fn fence(&self) -> Result<ShardProducer, PublishError> {
        let lane = self.lane();
        let defaults = [
            ("compression.type", "lz4"),
            ("linger.ms", "0"),
            ("queue.buffering.max.messages", "100000"),
            ("topic.metadata.propagation.max.ms", "5000"),
            ("transaction.timeout.ms", "15000"),
        ];
        let hold = [
            ("acks", "all"),
            ("enable.idempotence", "true"),
            // Where Java's clients would put the same key.
            ("partitioner", "murmur2_random"),
            ("transactional.id", lane.as_str()),
        ];
        let config = self.config.client(&defaults, &hold);
        let timeout = config
            .get("transaction.timeout.ms")
            .and_then(|millis| millis.parse().ok());
        let producer: ThreadedProducer<Deliveries> = config
            .create_with_context(Deliveries::default())
            .map_err(|error| refused(&error))?;
        let shard = ShardProducer {
            lane: Lane::new(lane),
            timeout: Duration::from_millis(timeout.unwrap_or(TRANSACTION_TIMEOUT_MS)),
            limit: config
                .get("message.max.bytes")
                .unwrap_or("1000000")
                .to_owned(),
            producer: Closing(Some(producer)),
            id: self.clone(),
        };
        let started = shard.producer().init_transactions(shard.bound());
        started.map_err(|error| shard.unclear(&error))?;
        Ok(shard)
    }

    /// Takes the shard over and reads its books.
    pub(super) fn open(&self) -> Result<(ShardProducer, Books), PublishError> {
        let shard = self.fence()?;
        let claim = Claim {
            owner: self.owner,
            claim: Uuid::new_v4(),
            cluster_id: self.cluster_id.clone(),
        };
        let sentinel = Until::Claim(claim.claim);
        shard.note(&Entry::Claim(claim))?;
        let books = self.read(sentinel)?;
        Ok((shard, books))
    }
}

/// A shard's producer, in charge until another one starts or something is in doubt.
pub(super) struct ShardProducer {
    id: ShardId,
    lane: Lane,
    timeout: Duration,
    limit: String,
    producer: Closing,
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

    fn deliver(&self, events: &[RecordedEvent], place: &Entry) -> Result<(), PublishError> {
        let until = Instant::now() + self.bound();
        let mut topic = (String::new(), String::new());
        for (index, event) in events.iter().enumerate() {
            let category = event.stream.category().as_str();
            if topic.0 != category {
                topic = (category.to_owned(), self.id.config.topic(category));
            }
            self.send_event(index, event, &topic.1, until)
                .map_err(|error| self.explain(events, error))?;
        }
        self.send_place(events.len(), place, until)
            .map_err(|error| self.explain(events, error))?;
        self.await_reports(events, until)
    }

    fn send_event(
        &self,
        index: usize,
        event: &RecordedEvent,
        topic: &str,
        until: Instant,
    ) -> Result<(), Unsent> {
        let headers = headers(event, self.id.config.prefix(), &self.lane)
            .map_err(|error| Unsent::Unwritable(index, error.to_string()))?;
        let record = BaseRecord::with_opaque_to(topic, index)
            .key(event.stream.id())
            .payload(event.payload.as_ref())
            .headers(headers);
        self.send(record, until)
            .map_err(|error| Unsent::Failed(index, error))
    }

    fn send_place(&self, index: usize, place: &Entry, until: Instant) -> Result<(), Unsent> {
        let (topic, value) = (self.id.progress_topic(), place.to_json());
        let record = BaseRecord::with_opaque_to(&topic, index)
            .partition(i32::from(self.id.shard))
            .key(place.key())
            .payload(&value);
        self.send(record, until)
            .map_err(|error| Unsent::Failed(index, error))
    }

    /// Hands a record to librdkafka. Waits while its queue is full.
    fn send<P: rdkafka::message::ToBytes + ?Sized>(
        &self,
        mut record: BaseRecord<'_, str, P, usize>,
        until: Instant,
    ) -> Result<(), Failure> {
        loop {
            record = match self.producer().send(record) {
                Ok(()) => return Ok(()),
                Err((Failure::MessageProduction(Code::QueueFull), back)) => back,
                Err((error, _)) => return Err(error),
            };
            let (deliveries, full) = (
                self.deliveries(),
                Failure::MessageProduction(Code::QueueFull),
            );
            if !deliveries.wait(deliveries.count() + 1, until) || !deliveries.failed().is_empty() {
                return Err(full);
            }
        }
    }

    /// **Invariant**: nothing is committed before every record is known to be written.
    fn await_reports(&self, events: &[RecordedEvent], until: Instant) -> Result<(), PublishError> {
        let deliveries = self.deliveries();
        let came = deliveries.wait(events.len() + 1, until);
        let failed = deliveries.failed();
        if !failed.is_empty() {
            return Err(self.undelivered(events, &failed));
        }
        if !came {
            let fault = Fault::new(
                Code::OperationTimedOut,
                "records were not delivered in time",
            );
            return Err(self.doubt(fault));
        }
        // The event that carried the last report counts as in flight until it is dropped, and a commit that finds
        // anything in flight sleeps in steps of 100 ms.
        while self.producer().in_flight_count() > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_micros(50));
        }
        Ok(())
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

    fn explain(&self, events: &[RecordedEvent], error: Unsent) -> PublishError {
        match error {
            Unsent::Unwritable(index, reason) => PublishError::Refused {
                event: events[index].to_string(),
                reason,
            },
            Unsent::Failed(index, error) => {
                let mut failed = self.deliveries().failed();
                let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
                failed.push((index, code));
                self.undelivered(events, &failed)
            }
        }
    }

    /// Names the event that stands in the way, if one does.
    fn undelivered(&self, events: &[RecordedEvent], failed: &[(usize, Code)]) -> PublishError {
        if let Some((code, text)) = self.producer().client().fatal_error() {
            return self.doubt(Fault::new(code, text));
        }
        let mut refused = failed
            .iter()
            .filter_map(|&(index, code)| self.refusal(events, index, code))
            .collect::<Vec<_>>();
        // A broker refuses all of a batch for the size of one of them.
        refused.sort_by_key(|(size, _)| *size);
        if let Some((_, error)) = refused.pop() {
            return error;
        }
        let (_, code) = failed.first().copied().unwrap_or((0, Code::Unknown));
        self.doubt(Fault::new(
            code,
            format!("records were not delivered: {code}"),
        ))
    }

    fn refusal(
        &self,
        events: &[RecordedEvent],
        index: usize,
        code: Code,
    ) -> Option<(usize, PublishError)> {
        let Some(event) = events.get(index) else {
            let topic = self.id.progress_topic();
            let reason = refusal(code, &topic, 0, &self.limit)?;
            let error =
                PublishError::Misconfigured(format!("the relay cannot keep its books: {reason}"));
            return Some((usize::MAX, error));
        };
        let topic = self.id.config.topic(event.stream.category().as_str());
        let mut header_bytes = 0;
        let count = |name: &str, value: &[u8]| header_bytes += name.len() + value.len();
        // What cannot be encoded was refused before it was sent.
        let _ = wire::encode(event, self.id.config.prefix(), &self.lane, count);
        let size = size(event, header_bytes);
        let reason = refusal(code, &topic, size, &self.limit)?;
        let event = event.to_string();
        Some((size, PublishError::Refused { event, reason }))
    }

    fn unclear(&self, error: &Failure) -> PublishError {
        let fault = match self.producer().client().fatal_error() {
            Some((code, text)) => Fault::new(code, text),
            None => Fault::from(error),
        };
        self.doubt(fault)
    }

    /// A producer is fenced when another instance takes over, but also when the broker has given up a transaction that
    /// took too long. The books tell which.
    fn doubt(&self, fault: Fault) -> PublishError {
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
    fn bound(&self) -> Duration {
        self.timeout * 2
    }

    fn producer(&self) -> &ThreadedProducer<Deliveries> {
        self.producer
            .0
            .as_ref()
            .expect("it is taken out by drop only")
    }

    fn deliveries(&self) -> &Deliveries {
        self.producer().context()
    }
}

/// Why a record did not get as far as librdkafka's queue.
enum Unsent {
    Unwritable(usize, String),
    Failed(usize, Failure),
}

fn headers(
    event: &RecordedEvent,
    prefix: &str,
    lane: &Lane,
) -> Result<OwnedHeaders, wire::WireError> {
    let mut headers = Some(OwnedHeaders::new_with_capacity(14));
    wire::encode(event, prefix, lane, |key, value| {
        let value = Some(value);
        headers = headers.take().map(|all| all.insert(Header { key, value }));
    })?;
    Ok(headers.unwrap_or_default())
}

/// Closes a producer on a thread of its own: it waits for librdkafka's threads.
struct Closing(Option<ThreadedProducer<Deliveries>>);

impl Drop for Closing {
    fn drop(&mut self) {
        let producer = self.0.take();
        let closing = std::thread::Builder::new().name("kafka-close".to_owned());
        // If no thread can be had, the closure is dropped here and the producer with it.
        let _ = closing.spawn(move || drop(producer));
    }
}
