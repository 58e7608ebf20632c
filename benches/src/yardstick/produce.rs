//! A plain idempotent producer: the same records, no transactions and no books.

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

/// Longer than anything takes that will still come to a good end.
const PATIENCE: Duration = Duration::from_secs(60);

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

/// Sends what `pages` hands out, page by page, and says how long it took until all of it was acknowledged. Blocks.
pub(crate) fn produce(
    config: &KafkaConfig,
    mut pages: impl FnMut() -> Outcome<Option<Vec<RecordedEvent>>>,
) -> Outcome<Duration> {
    let producer = producer(config)?;
    let lane = Lane::new(format!("{}.relay.0", config.prefix()));
    warm_up(&producer, config)?;
    let before = producer.context().delivered.load(Ordering::Relaxed);
    let (begun, mut sent) = (Instant::now(), 0_u64);
    while let Some(events) = pages()? {
        for event in &events {
            send(&producer, config, &lane, event)?;
        }
        sent += u64::try_from(events.len())?;
    }
    // Not `flush`, which looks every 100 ms.
    let delivered = || producer.context().delivered.load(Ordering::Relaxed) - before;
    while delivered() < sent {
        if begun.elapsed() > PATIENCE {
            return Err(format!("{} of {sent} records were delivered", delivered()).into());
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    Ok(begun.elapsed())
}

fn producer(config: &KafkaConfig) -> Outcome<ThreadedProducer<Reports>> {
    let mut client = ClientConfig::new();
    let settings = [
        ("bootstrap.servers", config.brokers()),
        ("acks", "all"),
        ("enable.idempotence", "true"),
        ("compression.type", "lz4"),
        ("partitioner", "murmur2_random"),
        // What gives a plain producer its best rate.
        ("linger.ms", "5"),
    ];
    for (key, value) in settings {
        client.set(key, value);
    }
    Ok(client.create_with_context(Reports::default())?)
}

/// Connects, gets the producer's id and learns the partitions: the relay does so before its first batch too.
fn warm_up(producer: &ThreadedProducer<Reports>, config: &KafkaConfig) -> Outcome<()> {
    for partition in 0..crate::relay::PARTITIONS {
        let topic = config.topic(crate::relay::CATEGORY);
        let record = BaseRecord::<str, str, ()>::to(&topic)
            .partition(i32::from(partition))
            .payload("{}");
        producer.send(record).map_err(|(error, _)| error)?;
    }
    Ok(producer.flush(PATIENCE)?)
}

fn send(
    producer: &ThreadedProducer<Reports>,
    config: &KafkaConfig,
    lane: &Lane,
    event: &RecordedEvent,
) -> Outcome<()> {
    let mut headers = Some(OwnedHeaders::new_with_capacity(14));
    wire::encode(event, config.prefix(), lane, |key, value| {
        let value = Some(value);
        headers = headers.take().map(|all| all.insert(Header { key, value }));
    })?;
    let topic = config.topic(event.stream.category().as_str());
    let mut record = BaseRecord::to(&topic)
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
