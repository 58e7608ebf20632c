//! Publishes a log to Kafka: the time from open sessions to the commit of the last event.

mod watched;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use cqrs_core::{Event, EventStore, Position, RecordedEvent, Relay, ports::LogQuery};
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

use self::watched::{RelayTimes, RelayWatch, WatchedPublisher};
use crate::{
    Options, Outcome,
    database::Database,
    domain::AccountEvent,
    measure::{Pairs, per_second},
    preload::preload,
    report::Point,
    yardstick::{Target, produce},
};

const CATEGORY: &str = AccountEvent::CATEGORY;
const PARTITIONS: u16 = 6;
const RELAY: &str = "relay";
const STREAMS: u32 = 5_000;

/// How the relay is set up.
#[derive(Debug, Clone, Copy)]
struct Setup {
    shards: u16,
    /// The most events in a transaction.
    batch: usize,
}

impl Setup {
    const fn new(shards: u16, batch: usize) -> Self {
        Self { shards, batch }
    }
}

/// The first one is the default of the relay.
const SETUPS: [Setup; 4] = [
    Setup::new(1, 5_000),
    Setup::new(1, 20_000),
    Setup::new(4, 5_000),
    Setup::new(1, 1_000),
];

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
    for setup in SETUPS {
        bench.measure(&notes, setup).await?;
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
    async fn measure(&self, notes: &Value, setup: Setup) -> Outcome<()> {
        let Setup { shards, batch } = setup;
        let mut plain = Pairs::default();
        let mut reading = Pairs::default();
        let mut starts = Vec::new();
        for _ in 0..self.options.rounds {
            let topics = Topics::create(&self.brokers, shards).await?;
            let measured = self.ours(&topics.config, setup).await;
            topics.delete().await?;
            let times = measured?;
            starts.push(u64::try_from(times.opening.as_millis())?);
            let ours = self.rate(times.publishing);
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

    async fn ours(&self, config: &KafkaConfig, setup: Setup) -> Outcome<RelayTimes> {
        let watch = Arc::new(RelayWatch::of(u64::from(self.options.relay_events)));
        let publisher = WatchedPublisher::new(KafkaPublisher::new(config), Arc::clone(&watch));
        let relay = Relay::new(&self.store, RELAY, publisher)
            .shards(setup.shards)
            .batch_size(setup.batch);
        let started = Instant::now();
        relay.run(watch.complete()).await?;
        watch
            .times(started)
            .ok_or_else(|| "the relay ended early".into())
    }

    async fn plain(&self) -> Outcome<Duration> {
        let log = Arc::clone(&self.log);
        let mut pages = vec![log.0.clone()];
        self.produce(move || Ok(pages.pop())).await
    }

    async fn reading(&self, batch: usize) -> Outcome<Duration> {
        let store = self.store.clone();
        let runtime = Handle::current();
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
        let target = Target {
            topic: config.topic(CATEGORY),
            partitions: PARTITIONS,
        };
        let time = tokio::task::spawn_blocking(move || produce(&config, &target, pages)).await?;
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
    let query = LogQuery::new(after, limit);
    Ok(store.read_log(query).await?.events)
}

/// New topics with a unique prefix.
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
