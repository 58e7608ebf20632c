//! A mock cluster and a store with orders: relays the orders, and reads them from the topic.

use std::time::Duration;

use cqrs_core::{
    DocumentKeys, Envelope, Event, EventStore, ExpectedVersion, MemoryEventStore, Metadata,
    RecordedEvent, Relay, StreamId, View,
    model::{KeyRange, NewEvent},
    ports::{Append, Documents, Publication, decode_document},
    relay::RelayError,
};
use cqrs_kafka::{EmbeddedKafka, KafkaConfig, KafkaGroup, KafkaPublisher, wire};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
    message::Headers,
};
use serde::{Deserialize, Serialize};
use tokio::{sync::oneshot, task::JoinHandle};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum OrderEvent {
    Placed { note: String },
}

impl Event for OrderEvent {
    const CATEGORY: &'static str = "order";
}

/// Counts the events of each order, and checks that they arrive in order.
pub(crate) struct Counts;

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count {
    pub(crate) events: u64,
    pub(crate) in_order: bool,
}

impl View for Counts {
    const NAME: &'static str = "counts";
    type Events = OrderEvent;
    type Document = Count;

    fn keys(&self, event: &Envelope<OrderEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(&self, _: &str, count: Option<Count>, event: &Envelope<OrderEvent>) -> Option<Count> {
        let before = count.unwrap_or(Count {
            events: 0,
            in_order: true,
        });
        let events = before.events + 1;
        let in_order = before.in_order && event.recorded.version.get() == events;
        Some(Count { events, in_order })
    }
}

/// The documents of the view, one for each order.
pub(crate) async fn counts(store: &MemoryEventStore) -> Vec<Count> {
    let documents = store
        .documents(Counts::NAME, &KeyRange::all(), 100_000)
        .await;
    let documents = documents.expect("the memory store can be read");
    let decode = |(key, document): &(String, cqrs_core::ports::Document)| {
        decode_document(Counts::NAME, key, &document.body).expect("a count")
    };
    documents.iter().map(decode).collect()
}

/// The number of events that the view has counted.
pub(crate) async fn counted(store: &MemoryEventStore) -> u64 {
    counts(store).await.iter().map(|count| count.events).sum()
}

/// A cluster, and a store with orders to publish there.
pub(crate) struct Fixture {
    pub(crate) config: KafkaConfig,
    pub(crate) store: MemoryEventStore,
    /// Dropped last: the other fields use it.
    _kafka: Option<EmbeddedKafka>,
}

impl Fixture {
    /// Starts a cluster with a topic of orders and a progress topic.
    pub(crate) fn new(partitions: u16, shards: u16) -> Self {
        let kafka = EmbeddedKafka::start().expect("a port is free");
        let config = KafkaConfig::new(kafka.bootstrap_servers()).topic_prefix("shop");
        let topics = [
            (config.topic("order"), partitions),
            (config.progress_topic("relay"), shards),
        ];
        for (topic, partitions) in topics {
            kafka
                .create_topic(&topic, partitions)
                .expect("the topic is new");
        }
        Self {
            _kafka: Some(kafka),
            ..Self::at(config)
        }
    }

    /// Uses a cluster that the caller has started.
    pub(crate) fn at(config: KafkaConfig) -> Self {
        Self {
            config,
            store: MemoryEventStore::default(),
            _kafka: None,
        }
    }

    /// Appends `each` events to each of `orders` streams.
    pub(crate) async fn place(&self, orders: u64, each: u64, note: &str) {
        for order in 0..orders {
            let event = OrderEvent::Placed {
                note: note.to_owned(),
            };
            let new = || NewEvent::encode(&event, Metadata::default()).expect("encodes");
            let append = Append::new(
                StreamId::of::<OrderEvent>(order.to_string()).expect("valid"),
                ExpectedVersion::Any,
                (0..each).map(|_| new()).collect(),
            );
            self.store
                .append(append)
                .await
                .expect("the memory store accepts it");
        }
    }

    /// A group over the orders. The cluster in memory keeps a member that left until its session ends, so that is soon.
    pub(crate) fn group(&self, name: &str) -> KafkaGroup {
        KafkaGroup::new(&self.config, name)
            .categories(["order"])
            .session_timeout(Duration::from_secs(6))
    }

    /// Relays until `published` events are in the topic.
    pub(crate) async fn relay(&self, shards: u16, published: usize) {
        let (stop, running) = self.start_relay(shards);
        let mut topic = Topic::open(&self.config, "order");
        let topic = tokio::task::spawn_blocking(move || {
            topic.read(published);
            topic
        });
        let found = topic.await.expect("reads").events.len();
        stop.send(()).expect("it is running");
        running.await.expect("no panic").expect("no error");
        assert_eq!(found, published);
    }

    /// Relays until `events` were published to partition 0, even if the topic no longer keeps them all.
    pub(crate) async fn relay_all(&self, events: u64) {
        let (stop, running) = self.start_relay(1);
        let topic = Topic::open(&self.config, "order");
        eventually("all events are published", || async {
            topic.end() >= i64::try_from(events).expect("it fits")
        })
        .await;
        stop.send(()).expect("it is running");
        running.await.expect("no panic").expect("no error");
    }

    /// What a relay of this name publishes of the store.
    pub(crate) async fn publication(&self, relay: &str, shards: u16) -> Publication {
        let log = self.store.identity().await.expect("memory");
        Publication::new(relay, shards, log)
    }

    pub(crate) fn start_relay(
        &self,
        shards: u16,
    ) -> (oneshot::Sender<()>, JoinHandle<Result<(), RelayError>>) {
        let publisher = KafkaPublisher::new(&self.config);
        let relay = Relay::new(&self.store, "relay", publisher)
            .shards(shards)
            .batch_size(1_000);
        let (stop, stopped) = oneshot::channel::<()>();
        let run = relay.run(async {
            let _ = stopped.await;
        });
        (stop, tokio::spawn(run))
    }
}

/// Reads a topic from its beginning, without a group.
pub(crate) struct Topic {
    consumer: BaseConsumer,
    config: KafkaConfig,
    pub(crate) events: Vec<RecordedEvent>,
}

impl Topic {
    pub(crate) fn open(config: &KafkaConfig, category: &str) -> Self {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", config.brokers())
            .set("group.id", "test")
            .set("enable.auto.commit", "false")
            .create()
            .expect("valid settings");
        let topic = config.topic(category);
        let metadata = consumer
            .fetch_metadata(Some(&topic), Duration::from_secs(10))
            .expect("the cluster responds");
        let mut from = TopicPartitionList::new();
        for partition in metadata.topics()[0].partitions() {
            from.add_partition_offset(&topic, partition.id(), Offset::Beginning)
                .expect("valid");
        }
        consumer.assign(&from).expect("assigns");
        Self {
            consumer,
            config: config.clone(),
            events: Vec::new(),
        }
    }

    /// The offset after the last record of partition 0.
    pub(crate) fn end(&self) -> i64 {
        let topic = self.config.topic("order");
        let marks = self
            .consumer
            .fetch_watermarks(&topic, 0, Duration::from_secs(5));
        marks.map_or(0, |(_, high)| high)
    }

    /// Reads until there are `wanted` events and no more follow.
    pub(crate) fn read(&mut self, wanted: usize) {
        let mut decoder = wire::Decoder::new(self.config.prefix());
        let mut attempts = 100;
        while attempts > 0 {
            let wait = Duration::from_millis(100);
            let record = match self.consumer.poll(wait) {
                Some(Ok(record)) => record,
                Some(Err(KafkaError::PartitionEOF(_))) => continue,
                Some(Err(error)) => panic!("{error}"),
                None if self.events.len() >= wanted => break,
                None => {
                    attempts -= 1;
                    continue;
                }
            };
            let received = wire::Received {
                topic: record.topic(),
                offset: record.offset().unsigned_abs(),
                key: record.key(),
                payload: record.payload(),
                timestamp: record.timestamp().to_millis(),
            };
            let headers = record.headers().into_iter().flat_map(Headers::iter);
            let event = decoder.decode(received, headers.map(|h| (h.key, h.value)));
            self.events.push(event.expect("an event"));
        }
    }
}

/// Waits until the condition holds. Fails with its description after a minute.
pub(crate) async fn eventually<F: Future<Output = bool>>(
    what: &str,
    mut condition: impl FnMut() -> F,
) {
    let waiting = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let outcome = tokio::time::timeout(Duration::from_secs(60), waiting).await;
    assert!(outcome.is_ok(), "not within a minute: {what}");
}
