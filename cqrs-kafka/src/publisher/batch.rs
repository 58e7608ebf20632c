//! The records of one transaction: sent, counted, and if one is refused, named.

use std::time::{Duration, Instant};

use cqrs_core::{Lane, PublishError, RecordedEvent};
use rdkafka::{
    error::{KafkaError as Failure, RDKafkaErrorCode as Code},
    message::{Header, OwnedHeaders, ToBytes},
    producer::{BaseRecord, Producer},
};

use super::{
    failure::{Fault, refusal, size},
    producer::ShardProducer,
    progress::Entry,
};
use crate::wire;

impl ShardProducer {
    /// Sends the events and the entry, and waits until all of them are written.
    pub(super) fn deliver(
        &self,
        events: &[RecordedEvent],
        place: &Entry,
    ) -> Result<(), PublishError> {
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
    fn send<P: ToBytes + ?Sized>(
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
