//! A fail-over to a standby that lacks the last 60 commits, under steady traffic. Each part ends with a typed error or with an
//! exact result, and the remedy of the error makes it exact.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cqrs_core::{
    CommandStore, Position, Runner, chain,
    ports::{EventStore, SourceError},
    read::{RunnerError, RunnerErrorKind},
    relay::{RelayError, RelayErrorKind},
    role,
};
use cqrs_kafka::{KafkaConfig, KafkaGroup};
use cqrs_postgres::PgEventStore;
use cqrs_tests::{
    domain::{COUNTERS, Counter, Counts, EchoCounts, count, counts_in_order, heard_in_order, log},
    servers::{create_topics, eventually, fresh_name, kafka, read_committed, store},
    standby::Servers,
};
use tokio::{
    sync::{Mutex, watch},
    task::JoinHandle,
};

use crate::support::relay;

/// How many commits the standby lacks.
const LOST: u64 = 60;

/// The parts that run on the servers.
#[derive(Debug, Clone, Copy)]
struct Parts {
    relay: bool,
    runner: bool,
    consumer: bool,
}

const NONE: Parts = Parts {
    relay: false,
    runner: false,
    consumer: false,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_notices_that_its_log_lost_commits() {
    fail_over(Parts {
        relay: true,
        ..NONE
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_is_exact_after_its_log_lost_commits() {
    fail_over(Parts {
        runner: true,
        ..NONE
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_is_exact_after_its_store_lost_commits() {
    fail_over(Parts {
        consumer: true,
        ..NONE
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_parts_on_one_pool_notice_lost_commits() {
    let all = Parts {
        relay: true,
        runner: true,
        consumer: true,
    };
    fail_over(all).await;
}

/// A standby shows no fences, so a reader could pass over an event that commits later.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_followed_on_the_primary_only() {
    let _turn = TURN.lock().await;
    let servers = Servers::start();
    let schema = fresh_name();
    let store = servers.store(&schema).await;
    let mark = format!("select mark from \"{}\".log_head()", store.schema());
    eventually("the standby has the store, and rejects it", || async {
        servers.rejection_on_standby(&mark).await == "CQ002"
    })
    .await;
    store.high_water_mark().await.expect("the primary reads it");
}

/// The store that fails over, its topics, and another service whose events it consumes.
struct World {
    store: PgEventStore,
    kafka: KafkaConfig,
    feeder: PgEventStore,
    feed: KafkaConfig,
    /// How many events the other service has.
    fed: Arc<AtomicU64>,
    stop: watch::Sender<bool>,
}

type Running<E> = JoinHandle<Result<(), E>>;

impl World {
    async fn start(servers: &Servers) -> Self {
        let (name, feed) = (fresh_name(), fresh_name());
        let world = Self {
            store: servers.store(&name).await,
            kafka: kafka(&name),
            feeder: store(&feed).await,
            feed: kafka(&feed),
            fed: Arc::default(),
            stop: watch::channel(false).0,
        };
        create_topics(&world.kafka).await;
        create_topics(&world.feed).await;
        world
    }

    fn stopped(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut stop = self.stop.subscribe();
        async move { drop(stop.wait_for(|stop| *stop).await) }
    }

    fn relay(&self) -> Running<RelayError> {
        let stopped = self.stopped();
        tokio::spawn(relay(&self.store, &self.kafka).run(stopped))
    }

    /// Does what the error says: starts again once, because the whole store went back, and the checkpoint with it. A runner that
    /// meets no error on its connection ends with that error.
    fn runner(&self) -> JoinHandle<()> {
        let (store, stop) = (self.store.clone(), self.stop.subscribe());
        tokio::spawn(async move {
            let mut first = true;
            loop {
                let mut stop = stop.clone();
                let stopped = async move { drop(stop.wait_for(|stop| *stop).await) };
                let runner = Runner::over_log::<role::Reactor>(&store, EchoCounts);
                match runner.expect("a reactor").run(stopped).await {
                    Ok(()) => return,
                    Err(error) if is_log_replaced(&error) && first => {
                        let remedy = "Start the runner again once";
                        assert!(
                            chain(&error).to_string().contains(remedy),
                            "{}",
                            chain(&error)
                        );
                        first = false;
                    }
                    Err(error) => panic!("ended: {}", chain(&error)),
                }
            }
        })
    }

    /// The other service: its events, without a pause until the end, and the relay that publishes them.
    fn feed(&self, stop: watch::Receiver<bool>) -> (JoinHandle<()>, Running<RelayError>) {
        let (feeder, fed) = (self.feeder.clone(), Arc::clone(&self.fed));
        let feeding = tokio::spawn(async move {
            let mut pace = tokio::time::interval(Duration::from_millis(50));
            while !*stop.borrow() {
                count(&feeder, COUNTERS).await;
                fed.fetch_add(COUNTERS, Ordering::Relaxed);
                pace.tick().await;
            }
        });
        let stopped = self.stopped();
        (
            feeding,
            tokio::spawn(relay(&self.feeder, &self.feed).run(stopped)),
        )
    }

    fn consumer(&self) -> JoinHandle<()> {
        let stopped = self.stopped();
        let group = KafkaGroup::new(&self.feed, "counts").categories(["counter"]);
        let runner = Runner::over::<role::View>(&self.store, Counts, group.source());
        let runner = runner.expect("a view").run(stopped);
        tokio::spawn(async move {
            let ended = runner.await;
            ended.unwrap_or_else(|error| panic!("ended: {}", chain(&error)));
        })
    }

    /// Commands to the store. The other service has as many events meanwhile. Waits until each part has done its work on them.
    async fn traffic(&self, parts: Parts, events: u64) {
        if parts.relay || parts.runner {
            count(&self.store, events).await;
        }
        let fed = self.fed.load(Ordering::Relaxed) + events;
        eventually("all is done", || self.is_done(parts, fed)).await;
    }

    async fn counted(&self) -> u64 {
        let log = log(&self.store).await;
        let counted = log
            .iter()
            .filter(|event| event.stream.category().as_str() == "counter");
        counted.count() as u64
    }

    /// Whether each part has done its work, and the consumer has handled at least so many events.
    async fn is_done(&self, parts: Parts, fed: u64) -> bool {
        let consumed = !parts.consumer || counts_in_order(&self.store).await >= fed;
        let handled = !parts.runner || heard_in_order(&self.store).await == self.counted().await;
        consumed && handled && (!parts.relay || self.lacks().await == 0)
    }

    /// How many events of the log are not in the topics. None is there twice.
    async fn lacks(&self) -> usize {
        let mut published = BTreeMap::<String, u32>::new();
        for category in ["counter", "echo"] {
            for record in read_committed(self.kafka.brokers(), &self.kafka.topic(category)).await {
                *published
                    .entry(record.headers["ce_id"].clone())
                    .or_default() += 1;
            }
        }
        assert!(
            published.values().all(|times| *times == 1),
            "published twice"
        );
        let log = log(&self.store).await;
        let lacks = log
            .iter()
            .filter(|event| !published.contains_key(&event.id.to_string()));
        lacks.count()
    }
}

/// Each test starts two servers of its own, so they take turns.
static TURN: Mutex<()> = Mutex::const_new(());

async fn fail_over(parts: Parts) {
    let _turn = TURN.lock().await;
    let servers = Servers::start();
    let world = World::start(&servers).await;
    let relay_ = if parts.relay {
        Some(world.relay())
    } else {
        None
    };
    let runner = if parts.runner {
        Some(world.runner())
    } else {
        None
    };
    let consumer = if parts.consumer {
        Some(world.consumer())
    } else {
        None
    };

    let end = watch::channel(false);
    let feed = parts.consumer.then(|| world.feed(end.1));
    world.traffic(parts, 20).await;
    servers.cut().await;
    // Will be lost.
    world.traffic(parts, LOST).await;
    let consumed = counts_in_order(&world.store).await;
    servers.fail_over().await;
    eventually("the store is back", || is_back(&world.store)).await;
    if parts.relay || parts.runner {
        assert!(world.counted().await < LOST, "commits were lost");
        count(&world.store, 70).await;
    }

    if let Some(relay_) = relay_ {
        let error = relay_.await.expect("no panic").expect_err("notices it");
        let replaced = matches!(error.kind, RelayErrorKind::LogReplaced(_));
        assert!(replaced, "{}", chain(&error));
        let recovered = relay(&world.store, &world.kafka).recover("fail-over").await;
        assert!(recovered.expect("recovers") > Position::START);
        world.relay();
    }
    world.traffic(parts, LOST).await;
    end.0.send_replace(true);
    if let Some((feeding, _)) = feed {
        feeding.await.expect("no panic");
        let fed = world.fed.load(Ordering::Relaxed);
        assert!(fed > consumed + LOST, "there was traffic all the time");
        eventually("every event is handled", || world.is_done(parts, fed)).await;
        assert_eq!(counts_in_order(&world.store).await, fed);
    }
    for running in [runner, consumer].into_iter().flatten() {
        assert!(!running.is_finished(), "its error is above");
    }
    world.stop.send_replace(true);
}

fn is_log_replaced(error: &RunnerError) -> bool {
    let source = match &error.kind {
        RunnerErrorKind::Source(source) => source,
        _ => return false,
    };
    matches!(source, SourceError::LogReplaced { .. })
}

/// Whether a command succeeds.
async fn is_back(store: &PgEventStore) -> bool {
    let counters = store.repository::<Counter>();
    counters.execute("back", "w".to_owned()).await.is_ok()
}
