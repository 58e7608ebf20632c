//! A relay whose progress does not fit its log or its topics: it ends with an error that names a remedy, and the remedy,
//! followed to the letter, loses and doubles nothing.

mod remedies;
mod running;

use cqrs_core::{
    EventStore, Runner, View, chain,
    ports::{Documents, decode_document},
    relay::{RelayError, RelayErrorKind},
    role,
};
use cqrs_kafka::{KafkaConfig, KafkaGroup, KafkaSource, KafkaTopics};
use cqrs_postgres::PgEventStore;
use cqrs_tests::{
    domain::{COUNTERS, Counts, count, log},
    servers::{MAX_WAIT, create_topics, eventually, fresh_name, kafka, read_committed, store},
};
use rdkafka::{
    ClientConfig,
    admin::{AdminOptions, NewPartitions},
};

use crate::support::{admin, assert_seen_once_and_in_order, delete_topic, publish_all, relay};

/// A store with events, its topics, and the store of a consumer.
struct World {
    store: PgEventStore,
    kafka: KafkaConfig,
    consumer: PgEventStore,
}

impl World {
    /// Publishes 20 events, which the consumer handles.
    async fn start() -> Self {
        let name = fresh_name();
        let world = Self {
            store: store(&name).await,
            kafka: kafka(&name),
            consumer: store(&fresh_name()).await,
        };
        create_topics(&world.kafka).await;
        count(&world.store, 20).await;
        world.publish().await;
        world.consume().await;
        world
    }

    async fn publish(&self) {
        publish_all(&self.store, &self.kafka)
            .await
            .expect("publishes");
    }

    fn source(&self) -> KafkaSource {
        let group = KafkaGroup::new(&self.kafka, "counts").categories(["counter"]);
        group.source()
    }

    async fn consume(&self) {
        let runner = Runner::over::<role::View>(&self.consumer, Counts, self.source());
        let caught_up = runner.expect("a view").catch_up().await;
        caught_up.expect("handles everything");
    }

    async fn rewind(&self) {
        let runner = Runner::over::<role::View>(&self.consumer, Counts, self.source());
        let rewound = runner.expect("a view");
        let rewound = rewound.rewind("the topic was created again").await;
        rewound.expect("rewinds");
    }

    async fn refused(&self) -> String {
        said(&refused(&self.store, &self.kafka).await)
    }

    async fn recover(&self) {
        let recovered = relay(&self.store, &self.kafka).recover("a test").await;
        recovered.expect("recovers");
    }

    /// Every event of the log is in the topic once, and took effect once.
    async fn is_exact(&self) {
        assert_seen_once_and_in_order(&self.store, &self.kafka).await;
        self.consume().await;
        let events = log(&self.store).await;
        for counter in 0..COUNTERS {
            let id = format!("c{counter}");
            let of = events.iter().filter(|event| event.stream.id() == id);
            let expected: Vec<u64> = of.map(|event| event.version.get()).collect();
            assert_eq!(counts(&self.consumer, &id).await, expected, "{id}");
        }
    }

    async fn run(&self, sql: &str) {
        run(&self.store, sql).await;
    }
}

/// Runs a relay that must end by itself.
async fn refused(store: &PgEventStore, kafka: &KafkaConfig) -> RelayError {
    let relay = relay(store, kafka).run(std::future::pending());
    let ended = tokio::time::timeout(MAX_WAIT, relay).await;
    ended.expect("ends").expect_err("is refused")
}

/// What the view has of a counter.
async fn counts(store: &PgEventStore, id: &str) -> Vec<u64> {
    let read = store.document(Counts::NAME, id).await.expect("reads");
    read.map_or_else(Vec::new, |document| {
        decode_document(Counts::NAME, id, &document.body).expect("counts")
    })
}

fn said(error: &RelayError) -> String {
    chain(error).to_string()
}

async fn run(store: &PgEventStore, sql: &str) {
    let sql = sql.replace("__schema__", store.schema());
    let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(store.pool());
    done.await.expect("runs");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_the_database_is_refused_and_disturbs_nobody() {
    let world = World::start().await;
    let copy = store(&fresh_name()).await;
    copy.identity().await.expect("reads");
    let schema = world.store.schema();
    run(
        &copy,
        &format!(
            "truncate __schema__.log_ids; insert into __schema__.log_ids select * from {schema}.log_ids; \
             insert into __schema__.events select * from {schema}.events; select setval('__schema__.position', 20);"
        ),
    )
    .await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn({
        let relay = relay(&world.store, &world.kafka);
        async move { relay.run(async { drop(stopped.await) }).await }
    });
    count(&copy, 3).await;
    let error = said(&refused(&copy, &world.kafka).await);
    assert!(error.contains("it is a copy, or was moved"), "{error}");
    count(&world.store, 10).await;
    let topic = world.kafka.topic("counter");
    eventually("the original goes on", || async {
        read_committed(world.kafka.brokers(), &topic).await.len() == 30
    })
    .await;
    stop.send(()).expect("it runs");
    running.await.expect("no panic").expect("was not fenced");
    world.is_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_moved_goes_on_after_recover() {
    let world = World::start().await;
    // Another table is another place.
    world
        .run("alter table __schema__.events rename to before; create table __schema__.events (like __schema__.before including all); \
              insert into __schema__.events select * from __schema__.before;")
        .await;
    count(&world.store, 10).await;
    let error = world.refused().await;
    assert!(error.contains("call Relay::recover once"), "{error}");
    world.recover().await;
    world.publish().await;
    world.is_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_whose_progress_was_lost_goes_on_after_recover() {
    let world = World::start().await;
    let progress = world.kafka.progress_topic("relay");
    delete_topic(&world.kafka, &progress).await;
    create_topics(&world.kafka).await;
    count(&world.store, 10).await;
    let error = world.refused().await;
    assert!(error.contains("the progress was lost"), "{error}");
    world.recover().await;
    world.publish().await;
    world.is_exact().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_got_partitions_is_refused_until_recover() {
    let world = World::start().await;
    let topic = world.kafka.topic("counter");
    let more = [NewPartitions::new(&topic, 5)];
    let admin = admin(&world.kafka);
    let added = admin.create_partitions(&more, &AdminOptions::new()).await;
    added.expect("responds").remove(0).expect("adds partitions");
    count(&world.store, 10).await;
    let error = world.refused().await;
    assert!(error.contains("had 3 partitions"), "{error}");
    world.recover().await;
    world.publish().await;
    assert_eq!(
        read_committed(world.kafka.brokers(), &topic).await.len(),
        30
    );
    world.consume().await;
    assert_eq!(counts(&world.consumer, "c0").await, [1, 2, 3, 4, 5]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_that_was_created_again_gets_everything_again() {
    let world = World::start().await;
    let topic = world.kafka.topic("counter");
    delete_topic(&world.kafka, &topic).await;
    let topics = KafkaTopics::new(&world.kafka).partitions(3);
    topics
        .create_for_categories(["counter"])
        .await
        .expect("creates");
    count(&world.store, 10).await;
    let error = world.refused().await;
    assert!(
        error.contains("has lost what relay \"relay\" has published"),
        "{error}"
    );
    let relay = relay(&world.store, &world.kafka);
    relay
        .publish_again("a test")
        .await
        .expect("publishes again");
    world.publish().await;
    world.rewind().await;
    world.is_exact().await;
}

/// As after a fail-over to a standby that lacked the last commits: other events are stored at their positions.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_lost_published_events_goes_on_after_recover() {
    let world = World::start().await;
    count(&world.store, 60).await;
    world.publish().await;
    world.consume().await;
    world
        .run("alter table __schema__.events disable trigger user; delete from __schema__.events where position > 20; \
              select setval('__schema__.position', 20); alter table __schema__.events enable trigger user;")
        .await;
    count(&world.store, 70).await;
    let error = refused(&world.store, &world.kafka).await;
    assert!(
        matches!(error.kind, RelayErrorKind::LogReplaced(_)),
        "{error}"
    );
    assert!(said(&error).contains("Relay::recover"), "{}", said(&error));
    world.recover().await;
    let topic = world.kafka.topic("counter");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let relay = relay(&world.store, &world.kafka);
    let running = tokio::spawn(relay.run(async { drop(stopped.await) }));
    eventually("the events of the log are in the topic", || async {
        read_committed(world.kafka.brokers(), &topic).await.len() == 20 + 60 + 70
    })
    .await;
    stop.send(()).expect("it runs");
    running.await.expect("no panic").expect("publishes");
    world.consume().await;
    // The 60 lost events took effect before, and each event of the log once.
    let mut expected: Vec<u64> = Vec::new();
    let of_counter = |from: u64, to: u64| (from..to).filter(|n| n % COUNTERS == 0).count() as u64;
    let first = of_counter(0, 20);
    expected.extend(1..=first + of_counter(0, 60));
    expected.extend(first + 1..=first + of_counter(0, 70));
    assert_eq!(counts(&world.consumer, "c0").await, expected);
}
