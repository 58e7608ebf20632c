//! Two relays with one name: the second waits while the first has the lease. When that has lost it, the second fences it, even
//! during a transaction.

use cqrs_core::{
    EventStore,
    ports::{Publication, PublishError, Publisher},
    relay::{RelayError, RelayErrorKind},
    run_loop::{Phase, Progress},
};
use cqrs_kafka::{KafkaConfig, KafkaPublisher};
use cqrs_postgres::PgEventStore;
use cqrs_tests::{
    child::Job,
    domain::count,
    servers::{create_topics, eventually, fresh_name, kafka, read_committed, store},
};

use sqlx::{AssertSqlSafe, types::time::OffsetDateTime};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::support::{assert_seen_once_and_in_order, job, publish_all, relay, start_child};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_the_same_name_fences_the_relay() {
    let name = fresh_name();
    let store = store(&name).await;
    let kafka = kafka(&name);
    create_topics(&kafka).await;
    count(&store, 20).await;
    let first = tokio::spawn({
        let relay = relay(&store, &kafka);
        let pending = std::future::pending();
        async move { relay.run(pending).await }
    });
    let topic = kafka.topic("counter");
    eventually("the first relay publishes", || async {
        read_committed(kafka.brokers(), &topic).await.len() == 20
    })
    .await;
    count(&store, 10).await;
    let log = store.identity().await.expect("reads");
    let publication = Publication::new("relay", 1, log);
    let publisher = KafkaPublisher::new(&kafka);
    let sessions = publisher.open(&publication).await.expect("opens");
    count(&store, 1).await; // the first relay tries to publish it and fails
    let error = first
        .await
        .expect("no panic")
        .expect_err("the first relay stops");
    assert!(
        matches!(error.kind, RelayErrorKind::Publish(PublishError::Fenced)),
        "{error}"
    );
    drop(sessions);
    publish_all(&store, &kafka).await.expect("publishes");
    assert_seen_once_and_in_order(&store, &kafka).await;
}

/// The second one waits while the first runs, and takes over after the lease when that is killed.
#[tokio::test(flavor = "multi_thread")]
async fn a_second_relay_takes_over_when_the_first_is_killed() {
    let name = fresh_name();
    let store = store(&name).await;
    let kafka = kafka(&name);
    create_topics(&kafka).await;
    count(&store, 20).await;
    let first = start_child(&job("relay", &name));
    are_seen(&kafka, 20).await;
    let second = Running::start(&store, &kafka);
    members_beat(&store, 2).await;
    count(&store, 10).await;
    are_seen(&kafka, 30).await;
    assert_eq!(second.progress.phase(), Phase::Starting, "it waits");
    count(&store, 1).await;
    first.kill().await;
    are_seen(&kafka, 31).await;
    second.stop().await;
    assert_seen_once_and_in_order(&store, &kafka).await;
}

/// The first one is stopped for longer than its lease. When it wakes, it publishes nothing, fences nobody, and waits in turn.
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_wakes_after_its_lease_waits_in_turn() {
    let name = fresh_name();
    let store = store(&name).await;
    let kafka = kafka(&name);
    create_topics(&kafka).await;
    count(&store, 20).await;
    let first = start_child(&job("relay", &name));
    are_seen(&kafka, 20).await;
    first.signal("-STOP").await;
    let second = Running::start(&store, &kafka);
    count(&store, 10).await;
    are_seen(&kafka, 30).await;
    first.signal("-CONT").await;
    members_beat(&store, 2).await;
    for events in [40, 50] {
        count(&store, 10).await;
        are_seen(&kafka, events).await;
    }
    let shards = second.progress.partitions();
    assert_eq!(shards.len(), 1);
    // It would end with an error if the first one had fenced it.
    second.stop().await;
    count(&store, 10).await;
    are_seen(&kafka, 60).await;
    first.kill().await;
    assert_seen_once_and_in_order(&store, &kafka).await;
}

/// A relay is stopped before the commit of a complete transaction, for longer than its lease. Another one takes over; then the
/// first one resumes and tries to commit.
#[tokio::test(flavor = "multi_thread")]
async fn a_fenced_relay_cannot_commit_its_open_transaction() {
    let name = fresh_name();
    let store = store(&name).await;
    let kafka = kafka(&name);
    create_topics(&kafka).await;
    count(&store, 30).await;
    let park_at = "records delivered".to_owned();
    let mut zombie = start_child(&Job {
        park_at,
        batch_size: 30,
        ..job("relay", &name)
    });
    zombie.parked().await;
    zombie.signal("-STOP").await;
    let second = Running::start(&store, &kafka);
    are_seen(&kafka, 30).await;
    zombie.signal("-CONT").await;
    zombie.resume().await;
    members_beat(&store, 2).await;
    count(&store, 10).await;
    are_seen(&kafka, 40).await;
    second.stop().await;
    count(&store, 10).await;
    are_seen(&kafka, 50).await;
    zombie.kill().await;
    assert_seen_once_and_in_order(&store, &kafka).await;
}

/// A relay in this process.
struct Running {
    progress: Progress,
    ended: JoinHandle<Result<(), RelayError>>,
    stop: oneshot::Sender<()>,
}

impl Running {
    fn start(store: &PgEventStore, kafka: &KafkaConfig) -> Self {
        let relay = relay(store, kafka);
        let (stop, stopped) = oneshot::channel::<()>();
        Self {
            progress: relay.progress(),
            ended: tokio::spawn(relay.run(async { drop(stopped.await) })),
            stop,
        }
    }

    async fn stop(self) {
        drop(self.stop);
        self.ended.await.expect("no panic").expect("stops");
    }
}

/// Waits until consumers see so many events.
async fn are_seen(kafka: &KafkaConfig, events: usize) {
    let topic = kafka.topic("counter");
    eventually("the events are published", || async {
        read_committed(kafka.brokers(), &topic).await.len() == events
    })
    .await;
}

/// Waits until so many processes have sent a heartbeat of the relay since now.
async fn members_beat(store: &PgEventStore, processes: i64) {
    let now: OffsetDateTime = sqlx::query_scalar("select clock_timestamp()")
        .fetch_one(store.pool())
        .await
        .expect("reads");
    let sql = format!(
        "select count(*) from \"{}\".members where kind = 'relay' and renewed_at > $1",
        store.schema()
    );
    eventually("the processes are members", || async {
        let members: i64 = sqlx::query_scalar(AssertSqlSafe(sql.as_str()))
            .bind(now)
            .fetch_one(store.pool())
            .await
            .expect("reads");
        members == processes
    })
    .await;
}
