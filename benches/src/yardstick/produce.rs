//! A plain idempotent producer: the same records without transactions and without the relay's progress.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use cqrs_core::{RecordedEvent, model::Lane};
use cqrs_kafka::{KafkaConfig, wire};
use rdkafka::{
    ClientConfig, ClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    message::{Header, OwnedHeaders},
    producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer},
};

use crate::Outcome;

/// The longest time for the delivery of all records.
const DELIVERY_LIMIT: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct Reports {
    delivered: AtomicU64,
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_ok() {
            self.delivered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The topic to send to.
pub(crate) struct Target {
    pub(crate) topic: String,
    pub(crate) partitions: u16,
}

/// Sends the pages of events. Returns the time until all of them were acknowledged. Blocks.
pub(crate) fn produce(
    config: &KafkaConfig,
    target: &Target,
    mut pages: impl FnMut() -> Outcome<Option<Vec<RecordedEvent>>>,
) -> Outcome<Duration> {
    let producer = producer(config)?;
    let lane = Lane::new(format!("{}.relay.0", config.prefix()));
    warm_up(&producer, target)?;
    let before = producer.context().delivered.load(Ordering::Relaxed);
    let started = Instant::now();
    let mut sent = 0_u64;
    while let Some(events) = pages()? {
        for event in &events {
            send(&producer, config, target, &lane, event)?;
        }
        sent += u64::try_from(events.len())?;
    }
    // `flush` would check only every 100 ms.
    let delivered = || producer.context().delivered.load(Ordering::Relaxed) - before;
    while delivered() < sent {
        if started.elapsed() > DELIVERY_LIMIT {
            return Err(format!("{} of {sent} records were delivered", delivered()).into());
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(started.elapsed())
}

fn producer(config: &KafkaConfig) -> Outcome<ThreadedProducer<Reports>> {
    let mut client = ClientConfig::new();
    let settings = [
        ("bootstrap.servers", config.brokers()),
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("compression.type", "lz4"),
        ("partitioner", "murmur2_random"),
        // The best rate of a plain producer needs a small delay.
        ("linger.ms", "5"),
    ];
    for (key, value) in settings {
        client.set(key, value);
    }
    Ok(client.create_with_context(Reports::default())?)
}

/// Connects, and gets the producer id and the leaders of the partitions, as the relay does before its first batch.
fn warm_up(producer: &ThreadedProducer<Reports>, target: &Target) -> Outcome<()> {
    for partition in 0..target.partitions {
        let record = BaseRecord::<str, str, ()>::to(&target.topic)
            .partition(i32::from(partition))
            .payload("{}");
        producer.send(record).map_err(|(error, _)| error)?;
    }
    Ok(producer.flush(DELIVERY_LIMIT)?)
}

fn send(
    producer: &ThreadedProducer<Reports>,
    config: &KafkaConfig,
    target: &Target,
    lane: &Lane,
    event: &RecordedEvent,
) -> Outcome<()> {
    let mut headers = Some(OwnedHeaders::new_with_capacity(14));
    wire::encode(event, config.prefix(), lane, |key, value| {
        let value = Some(value);
        headers = headers.take().map(|all| all.insert(Header { key, value }));
    })?;
    let mut record = BaseRecord::to(&target.topic)
        .key(event.stream.id())
        .payload(event.payload.as_ref())
        .headers(headers.unwrap_or_default());
    loop {
        record = match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => back,
            Err((error, _)) => return Err(error.into()),
        };
        std::thread::sleep(Duration::from_millis(1));
    }
}
