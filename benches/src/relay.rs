//! A log to Kafka: from an open session until the last event is committed.

/// A publisher that tells when everything is out.
mod watched;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use cqrs_core::{
    Event, EventStore, Position, RecordedEvent, Relay, model::Slices, ports::LogQuery,
};
use cqrs_kafka::{KafkaConfig, KafkaPublisher, KafkaTopics};
use cqrs_postgres::PgEventStore;
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use uuid::Uuid;

use self::watched::{Watch, Watched};
use crate::{
    Options, Outcome,
    database::Database,
    domain::AccountEvent,
    measure::{Pairs, per_second},
    preload::preload,
    report::Point,
    yardstick::produce,
};

pub(crate) const CATEGORY: &str = AccountEvent::CATEGORY;
pub(crate) const PARTITIONS: u16 = 6;
const RELAY: &str = "relay";
const STREAMS: u32 = 5_000;

/// Shards, and events in a transaction; the first is the default.
const SHAPES: [(u16, usize); 4] = [(1, 5_000), (1, 20_000), (4, 5_000), (1, 1_000)];

pub(crate) async fn run(options: &Options) -> Outcome<()> {
    let database = Database::from_env("relay")?;
    let brokers = std::env::var("KAFKA_BROKERS").map_err(|_| {
        "`relay` needs Kafka: set KAFKA_BROKERS, for example to localhost:9092, or run eval \"$(scripts/services up)\""
    })?;
    let measured = measure(options, &database, &brokers).await;
    database.drop_after(measured).await
}

async fn measure(options: &Options, database: &Database, brokers: &str) -> Outcome<()> {
    let mut notes = database.notes().await?;
    notes["librdkafka"] = json!(rdkafka::util::get_rdkafka_version().1);
    notes["partitions"] = json!(PARTITIONS);
    let store = database.store(8).await?;
    preload(&store, "relay", options.relay_events, STREAMS).await?;
    database.run("vacuum analyze __schema__.events").await?;
    let bench = Bench {
        options,
        brokers: brokers.to_owned(),
        log: Arc::new(Log::read(&store).await?),
        store,
    };
    for (shards, batch) in SHAPES {
        bench.shape(&notes, shards, batch).await?;
    }
    Ok(())
}

struct Bench<'a> {
    options: &'a Options,
    brokers: String,
    store: PgEventStore,
    log: Arc<Log>,
}

impl Bench<'_> {
    async fn shape(&self, notes: &Value, shards: u16, batch: usize) -> Outcome<()> {
        let (mut plain, mut reading) = (Pairs::default(), Pairs::default());
        let mut starts = Vec::new();
        for _ in 0..self.options.rounds {
            let topics = Topics::create(&self.brokers, shards).await?;
            let measured = self.ours(&topics.config, shards, batch).await;
            topics.delete().await?;
            let (ours, start) = measured?;
            starts.push(u64::try_from(start.as_millis())?);
            let ours = self.rate(ours);
            plain.add(ours, self.rate(self.plain().await?));
            reading.add(ours, self.rate(self.reading(batch).await?));
        }
        let mut notes = notes.clone();
        notes["longest_start_ms"] = json!(starts.iter().max());
        let point = |yardstick| Point {
            scenario: "relay",
            parameters: json!({ "events": self.options.relay_events, "shards": shards, "batch": batch }),
            yardstick,
            unit: "events/s",
            details: Value::Null,
            notes: notes.clone(),
        };
        point("idempotent producer, events in memory").print(&plain);
        point("read a page, idempotent producer, next page").print(&reading);
        Ok(())
    }

    fn rate(&self, time: Duration) -> f64 {
        per_second(u64::from(self.options.relay_events), time)
    }

    /// The time, and that of the start before it.
    async fn ours(
        &self,
        config: &KafkaConfig,
        shards: u16,
        batch: usize,
    ) -> Outcome<(Duration, Duration)> {
        let watch = Arc::new(Watch::of(u64::from(self.options.relay_events)));
        let publisher = Watched::new(KafkaPublisher::new(config.clone()), Arc::clone(&watch));
        let relay = Relay::new(RELAY, self.store.clone(), publisher)
            .shards(shards)
            .batch_size(batch);
        let begun = Instant::now();
        relay.run(watch.complete()).await?;
        watch
            .times(begun)
            .ok_or_else(|| "the relay ended early".into())
    }

    async fn plain(&self) -> Outcome<Duration> {
        let log = Arc::clone(&self.log);
        let mut pages = vec![log.0.clone()];
        self.produce(move || Ok(pages.pop())).await
    }

    async fn reading(&self, batch: usize) -> Outcome<Duration> {
        let (store, runtime) = (self.store.clone(), Handle::current());
        let mut after = Position::START;
        self.produce(move || {
            let events = runtime.block_on(page(&store, after, batch))?;
            after = events.last().map_or(after, |event| event.position);
            Ok(Some(events).filter(|events| !events.is_empty()))
        })
        .await
    }

    async fn produce(
        &self,
        pages: impl FnMut() -> Outcome<Option<Vec<RecordedEvent>>> + Send + 'static,
    ) -> Outcome<Duration> {
        let topics = Topics::create(&self.brokers, 1).await?;
        let config = topics.config.clone();
        let time = tokio::task::spawn_blocking(move || produce(&config, pages)).await?;
        topics.delete().await?;
        time
    }
}

/// The whole log in memory.
struct Log(Vec<RecordedEvent>);

impl Log {
    async fn read(store: &PgEventStore) -> Outcome<Self> {
        Ok(Self(page(store, Position::START, 1_000_000_000).await?))
    }
}

async fn page(store: &PgEventStore, after: Position, limit: usize) -> Outcome<Vec<RecordedEvent>> {
    let query = LogQuery {
        after,
        reads: &[],
        slices: Slices::ALL,
        limit,
    };
    Ok(store.read_log(query).await?.events)
}

/// Topics of the own, under a prefix that nobody else has.
struct Topics {
    config: KafkaConfig,
}

impl Topics {
    async fn create(brokers: &str, shards: u16) -> Outcome<Self> {
        let prefix = format!("bench-{}", Uuid::now_v7().simple());
        let config = KafkaConfig::new(brokers).topic_prefix(prefix);
        let topics = KafkaTopics::new(&config).partitions(PARTITIONS);
        topics.create_for_categories([CATEGORY]).await?;
        topics.create_for_relay(RELAY, shards).await?;
        Ok(Self { config })
    }

    async fn delete(self) -> Outcome<()> {
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.config.brokers());
        let admin: AdminClient<DefaultClientContext> = client.create()?;
        let names = [
            self.config.topic(CATEGORY),
            self.config.progress_topic(RELAY),
        ];
        let names = [names[0].as_str(), names[1].as_str()];
        for deleted in admin.delete_topics(&names, &AdminOptions::new()).await? {
            deleted.map_err(|(topic, code)| format!("topic {topic:?} was not deleted: {code}"))?;
        }
        Ok(())
    }
}
