//! The thread that owns the consumer: polls, carries out orders, and leaves the group at the end.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::{Arc, mpsc::Receiver},
    time::Duration,
};

use cqrs_core::{Offset, SourceError};
use rdkafka::{
    Message, Offset as KafkaOffset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::{BorrowedMessage, Headers},
};
use tokio::sync::oneshot;

use super::{
    KafkaGroup,
    buffer::{Flow, Slot},
    client::client,
    group::{Group, Order},
    rebalance::Member,
};
use crate::{
    KafkaError,
    connection::refused,
    wire::{Decoder, Received, WireError},
};

/// How long an order may have to wait when there is nothing to read.
const IDLE: Duration = Duration::from_millis(10);
/// How long to wait for what librdkafka's own threads, or a broker, have to say.
pub(super) const ANSWER: Duration = Duration::from_secs(5);

pub(super) struct PollThread {
    pub(super) consumer: BaseConsumer<Member>,
    pub(super) group: Arc<Group>,
    orders: Receiver<Order>,
    decoder: Decoder,
    /// It can never go on.
    pub(super) fatal: bool,
}

impl PollThread {
    /// Starts it. What is returned resolves when it has left the group.
    pub(super) fn spawn(
        options: &KafkaGroup,
        group: Arc<Group>,
        orders: Receiver<Order>,
    ) -> Result<oneshot::Receiver<()>, KafkaError> {
        let config = client(options);
        let consumer: BaseConsumer<Member> = config
            .create_with_context(Member(Arc::clone(&group)))
            .map_err(|error| refused(&error))?;
        let topics: Vec<&str> = options.topics.iter().map(String::as_str).collect();
        consumer
            .subscribe(&topics)
            .map_err(|error| refused(&error))?;
        let thread = Self {
            consumer,
            group,
            orders,
            decoder: Decoder::new(options.config.prefix()),
            fatal: false,
        };
        let (leaving, left) = oneshot::channel();
        let run = move || {
            let group = Arc::clone(&thread.group);
            if panic::catch_unwind(AssertUnwindSafe(|| thread.run())).is_err() {
                group.fail(SourceError::Fatal(
                    "the thread that polls Kafka panicked".to_owned(),
                ));
                group.lose(&group.slots());
            }
            drop(group);
            // Nobody may be waiting any more.
            let _ = leaving.send(());
        };
        std::thread::Builder::new()
            .name("kafka-poll".to_owned())
            .spawn(run)
            .map_err(|error| KafkaError::Internal(format!("no thread to poll Kafka: {error}")))?;
        Ok(left)
    }

    fn run(mut self) {
        while !self.group.is_stopping() && !self.fatal {
            while let Ok(order) = self.orders.try_recv() {
                self.obey(order);
            }
            self.poll();
        }
        self.group.take_back(&self.group.slots());
        // Closing the consumer leaves the group, on this thread.
        drop(self.consumer);
    }

    /// Waits for a record, then takes what else is there before orders are looked at again.
    fn poll(&mut self) {
        let mut wait = IDLE;
        for _ in 0..256 {
            match self.consumer.poll(wait) {
                None => return,
                Some(Ok(record)) => {
                    receive(&self.consumer, &self.group, &mut self.decoder, &record);
                }
                Some(Err(error)) => {
                    self.failed(&error);
                    return;
                }
            }
            wait = Duration::ZERO;
        }
    }

    fn obey(&self, order: Order) {
        match order {
            Order::Start { slot, at, done } => {
                let outcome = self.start(&slot, at);
                // The reader may have given up.
                let _ = done.send(outcome);
            }
            Order::Resume(slot) => {
                if self.holds(&slot) {
                    self.flow(&slot, true);
                }
            }
            Order::Returned(slot) => {
                let ours = self.consumer.assignment().is_ok_and(|assigned| {
                    assigned
                        .find_partition(&slot.topic, slot.partition)
                        .is_some()
                });
                if ours && self.group.slot(&slot.topic, slot.partition).is_none() {
                    self.flow(&slot, false);
                    self.group.hand_out(&slot.topic, slot.partition);
                }
            }
        }
    }

    /// Goes to the place and lets records flow. What was fetched before is thrown away, here and in librdkafka.
    fn start(&self, slot: &Arc<Slot>, at: Option<Offset>) -> Result<(), SourceError> {
        if !self.holds(slot) {
            return Ok(());
        }
        slot.halt();
        let unseekable =
            || SourceError::Fatal(format!("{}: no offset is as large as {at:?}", slot.id()));
        let to = match at {
            None => KafkaOffset::Beginning,
            Some(offset) => {
                KafkaOffset::Offset(i64::try_from(offset.get()).map_err(|_| unseekable())?)
            }
        };
        let sought = self.consumer.seek(&slot.topic, slot.partition, to, ANSWER);
        sought.map_err(|error| SourceError::Unavailable(error.into()))?;
        slot.admit(at.unwrap_or_default());
        let resumed = self.consumer.resume(&partition(slot));
        resumed.map_err(|error| SourceError::Unavailable(error.into()))
    }

    fn holds(&self, slot: &Arc<Slot>) -> bool {
        let held = self.group.slot(&slot.topic, slot.partition);
        held.is_some_and(|held| Arc::ptr_eq(&held, slot))
    }

    pub(super) fn flow(&self, slot: &Slot, on: bool) {
        set_flow(&self.consumer, slot, on);
    }
}

fn receive(
    consumer: &BaseConsumer<Member>,
    group: &Group,
    decoder: &mut Decoder,
    record: &BorrowedMessage<'_>,
) {
    let Some(slot) = group.slot(record.topic(), record.partition()) else {
        return;
    };
    let offset = Offset::new(u64::try_from(record.offset()).unwrap_or_default());
    if !slot.wants(offset) {
        return;
    }
    let received = Received {
        topic: record.topic(),
        offset: offset.get(),
        key: record.key(),
        payload: record.payload(),
        timestamp: record.timestamp().to_millis(),
    };
    match headers(record).and_then(|headers| decoder.decode(received, headers)) {
        Ok(event) => {
            if slot.push(offset, event) == Flow::Pause {
                set_flow(consumer, &slot, false);
            }
        }
        Err(error) => {
            set_flow(consumer, &slot, false);
            slot.fail(SourceError::Malformed {
                partition: slot.id(),
                offset,
                reason: error.to_string(),
            });
        }
    }
}

fn headers<'a>(
    record: &'a BorrowedMessage<'_>,
) -> Result<Vec<(&'a str, Option<&'a [u8]>)>, WireError> {
    let all = || {
        let headers = record.headers().into_iter().flat_map(Headers::iter);
        headers.map(|header| (header.key, header.value)).collect()
    };
    // rdkafka panics over a name that is not UTF-8. Whoever writes such a record must not end this thread.
    panic::catch_unwind(AssertUnwindSafe(all)).map_err(|_| WireError::HeaderName)
}

fn set_flow(consumer: &BaseConsumer<Member>, slot: &Slot, on: bool) {
    let partition = partition(slot);
    let outcome = if on {
        consumer.resume(&partition)
    } else {
        consumer.pause(&partition)
    };
    if let Err(error) = outcome {
        tracing::warn!(partition = %slot.id(), %error, on, "the flow could not be changed");
    }
}

fn partition(slot: &Slot) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition(&slot.topic, slot.partition);
    list
}
