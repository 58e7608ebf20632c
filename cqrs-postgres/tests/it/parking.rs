//! Parking on PostgreSQL: poison comes and goes, the runners of one subscription are dropped in the middle, its number of partitions
//! changes, and two askers redrive and discard.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use cqrs_core::{
    DocumentKeys, Envelope, Event, EventStore, ReadModel, RetryPolicy, Runner, View,
    model::{FailureKind, PartitionId, Slices},
    ports::{Append, Checkpoints, Control, Discards, Parking},
    read::{ParkedKeys, WaitError},
    role,
};
use cqrs_postgres::PgEventStore;
use serde::{Deserialize, Serialize};
use tokio::{task::JoinSet, time::sleep};

use crate::support::{fresh_config, fresh_store};

const EVENTS: u64 = 60;

#[derive(Debug, Serialize, Deserialize)]
enum LapEvent {
    Run(u64),
}

impl Event for LapEvent {
    const CATEGORY: &'static str = "lap";
}

/// The laps that cannot be handled now.
type Bad = Arc<Mutex<BTreeSet<u64>>>;

/// The laps of each runner in their order. Panics at a bad one.
struct Laps(Bad);

impl View for Laps {
    const NAME: &'static str = "laps";
    type Events = LapEvent;
    type Document = Vec<u64>;

    fn keys(&self, event: &Envelope<LapEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(
        &self,
        _: &str,
        laps: Option<Vec<u64>>,
        event: &Envelope<LapEvent>,
    ) -> Option<Vec<u64>> {
        let LapEvent::Run(lap) = event.event;
        let is_bad = self.0.lock().expect("no panic").contains(&lap);
        assert!(!is_bad, "planted");
        let mut laps = laps.unwrap_or_default();
        laps.push(lap);
        Some(laps)
    }
}

async fn run(store: &PgEventStore, lap: u64) {
    let id = format!("r{}", lap % 3);
    let event = [LapEvent::Run(lap)];
    let append = Append::of(&id, cqrs_core::ExpectedVersion::Any, &event).expect("valid");
    store.append(append).await.expect("appends");
}

async fn laps(store: &PgEventStore) -> BTreeMap<String, Vec<u64>> {
    let laps = ReadModel::<Laps, _>::new(store).page(None, 10).await;
    laps.expect("reads").into_iter().collect()
}

fn expected(without: &BTreeSet<u64>) -> BTreeMap<String, Vec<u64>> {
    let mut expected: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for lap in (1..=EVENTS).filter(|lap| !without.contains(lap)) {
        let id = format!("r{}", lap % 3);
        expected.entry(id).or_default().push(lap);
    }
    expected
}

/// Runs until it is dropped, again and again.
async fn worker(store: PgEventStore, bad: Bad, killed_after: Duration) {
    loop {
        let view = Laps(Arc::clone(&bad));
        let runner = Runner::over_log::<role::View>(&store, view).expect("a view");
        let retry = RetryPolicy::default()
            .attempts(1)
            .longest(Duration::from_millis(20));
        let runner = runner.batch_size(5).retry(retry);
        let running = runner.run(std::future::pending());
        drop(tokio::time::timeout(killed_after, running).await);
    }
}

/// Changes the number of partitions, again and again.
async fn repartitioner(store: PgEventStore) {
    for turn in 0.. {
        sleep(Duration::from_millis(300)).await;
        let number = [3, 1, 4, 2][turn % 4];
        // Where its partitions have not all begun, or a batch is in the way, the number stays.
        drop(store.repartition(Laps::NAME, number, "a test").await);
    }
}

async fn asker(store: PgEventStore, discards: u64) {
    let parked = ParkedKeys::new(&store, Laps::NAME);
    for turn in 1.. {
        for key in parked.all().await.expect("reads") {
            let asked = match discards > 0 && turn % discards == 0 {
                true => parked.discard(&key, "planted").await,
                false => parked.redrive_key(&key, "repaired").await,
            };
            asked.expect("asks");
        }
        sleep(Duration::from_millis(40)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parked_streams_stay_in_order_whatever_is_dropped() {
    let config = fresh_config().settle(Duration::from_millis(100));
    PgEventStore::install(&config).await.expect("installs");
    let store = PgEventStore::connect(&config).await.expect("connects");
    let bad = Bad::default();
    let mut tasks = JoinSet::new();
    for killed_after in [2_000, 3_000] {
        let killed_after = Duration::from_millis(killed_after);
        tasks.spawn(worker(store.clone(), Arc::clone(&bad), killed_after));
    }
    tasks.spawn(repartitioner(store.clone()));
    tasks.spawn(asker(store.clone(), 7));
    tasks.spawn(asker(store.clone(), 0));
    for lap in 1..=EVENTS {
        match lap % 10 {
            0 => *bad.lock().expect("no panic") = [lap, lap + 3].into(),
            5 => bad.lock().expect("no panic").clear(),
            _ => {}
        }
        run(&store, lap).await;
        while lap % 10 == 0 && store.parked(Laps::NAME).await.expect("reads").is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
    }
    bad.lock().expect("no panic").clear();
    let log = PartitionId::Log(Slices::ALL);
    let at = async || store.checkpoint(Laps::NAME, &log).await.expect("reads");
    while at().await.is_none_or(|at| at.offset.get() < EVENTS)
        || !store.parked(Laps::NAME).await.expect("reads").is_empty()
    {
        sleep(Duration::from_millis(10)).await;
    }
    tasks.shutdown().await;

    let discarded = store.discarded(Laps::NAME).await.expect("reads");
    let events = discarded.iter().filter_map(|one| one.event.as_ref());
    let without = events.map(|event| event.position.get()).collect();
    assert_eq!(laps(&store).await, expected(&without));
    assert_eq!(discarded.len(), without.len(), "each is discarded once");
}

#[tokio::test]
async fn a_panic_parks_its_stream_and_a_redrive_is_in_order() {
    let store = fresh_store().await;
    for lap in 1..=EVENTS {
        run(&store, lap).await;
    }
    let bad = Bad::new(Mutex::new([7].into()));
    let view = || Laps(Arc::clone(&bad));
    let runner = Runner::over_log::<role::View>(&store, view()).expect("a view");
    runner.catch_up().await.expect("catches up");
    let waits = (7..=EVENTS).filter(|lap| lap % 3 == 1).collect();
    assert_eq!(laps(&store).await, expected(&waits));
    let parked = ParkedKeys::new(&store, Laps::NAME);
    let [group] = parked
        .groups()
        .await
        .expect("reads")
        .try_into()
        .expect("one");
    let text = "1 stream, 18 events wait: Run: the role panicked: planted";
    assert_eq!(group.to_string(), text);
    assert_eq!(group.keys[0].failure, FailureKind::Panicked);
    let model = ReadModel::<Laps, _>::new(&store);
    let waited = model.wait_for(cqrs_core::Position::new(10)).await;
    assert!(matches!(waited, Err(WaitError::Parked(_))), "{waited:?}");

    bad.lock().expect("no panic").clear();
    let asked = parked
        .redrive_one(group.fingerprint, "repaired")
        .await
        .expect("asks");
    assert_eq!(asked, Some(group.keys[0].key.clone()));
    let runner = Runner::over_log::<role::View>(&store, view()).expect("a view");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(runner.run(async { drop(stopped.await) }));
    while !parked.all().await.expect("reads").is_empty() {
        sleep(Duration::from_millis(5)).await;
    }
    drop(stop);
    running.await.expect("no panic").expect("runs");
    assert_eq!(laps(&store).await, expected(&BTreeSet::new()));
    model
        .wait_for(cqrs_core::Position::new(10))
        .await
        .expect("is handled");
}

/// What the stream has after it was erased is passed over while its key is parked, and has lower versions than the event in front.
#[tokio::test]
async fn a_parked_stream_that_was_erased_loses_nothing_of_what_follows() {
    let store = fresh_store().await;
    for lap in [1, 4, 7] {
        run(&store, lap).await;
    }
    let bad = Bad::new(Mutex::new([7].into()));
    let view = || Laps(Arc::clone(&bad));
    let runner = || Runner::over_log::<role::View>(&store, view()).expect("a view");
    runner().catch_up().await.expect("catches up");
    let stream = cqrs_core::StreamId::of::<LapEvent>("r1").expect("valid");
    store.erase_stream(&stream, "a test").await.expect("erases");
    run(&store, 10).await;
    runner().catch_up().await.expect("catches up");
    let parked = ParkedKeys::new(&store, Laps::NAME);
    let [front] = parked.all().await.expect("reads").try_into().expect("one");

    let asked = parked.redrive_key(&front, "erased").await;
    assert!(asked.expect("asks"));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(runner().run(async { drop(stopped.await) }));
    while !parked.all().await.expect("reads").is_empty() {
        sleep(Duration::from_millis(10)).await;
    }
    let handled = BTreeMap::from([("r1".to_owned(), vec![1, 4, 10])]);
    assert_eq!(laps(&store).await, handled);
    drop(stop);
    running.await.expect("no panic").expect("stops");
}
