//! Each fault against what is said of it: live, ready, degraded.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::*;
use crate::{
    Envelope, Event, MemoryEventStore, Runner, View,
    model::{
        Category, EventId, ExpectedVersion, LeaseTimes, Member, MemberId, Metadata, NewEvent,
        PartitionId, Position, Slices, StreamId,
    },
    ports::{
        Append, Checkpoints, Control, EventStore, HeldMark, Inspect, Lag, Operation, Overview,
        Partitions, StoreError, StoreErrorKind,
    },
    read::{ErrorAction, wait_for},
    roles::DocumentKeys,
};

const ALL: PartitionId = PartitionId::Log(Slices::ALL);
/// Payloads: one that can be handled, and two that cannot be decoded.
const GOOD: &[u8] = br#"{"visitor":"ada"}"#;
const PARKS: &[u8] = b"17";
const STOPS: &[u8] = b"18";

const HOUR: Duration = Duration::from_secs(3_600);

#[derive(Debug, Serialize, Deserialize)]
enum SeatEvent {
    Booked { visitor: String },
}

impl Event for SeatEvent {
    const CATEGORY: &'static str = "seat";
}

struct Seats;

impl View for Seats {
    const NAME: &'static str = "seats";
    type Events = SeatEvent;
    type Document = ();

    fn keys(&self, event: &Envelope<SeatEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(&self, _: &str, _: Option<()>, _: &Envelope<SeatEvent>) -> Option<()> {
        Some(())
    }
}

/// A store for questions that may be away.
#[derive(Debug, Clone)]
struct Remote {
    store: MemoryEventStore,
    /// 0: it answers; 1: it fails; 2: it does not answer; 3: an old transaction holds its readers back.
    fault: Arc<AtomicU8>,
}

impl Inspect for Remote {
    async fn overview(&self) -> Result<Overview, StoreError> {
        let overview = self.store.overview().await?;
        match self.fault.load(Ordering::SeqCst) {
            0 => Ok(overview),
            1 => Err(StoreError::new(StoreErrorKind::Unavailable, "planted")),
            2 => pending().await,
            _ => Ok(overview.held(vec![HeldMark::new(Position::new(7), Some(HOUR), "pid 12")])),
        }
    }

    async fn operations(&self, _: Option<u64>, _: usize) -> Result<Vec<Operation>, StoreError> {
        Ok(Vec::new())
    }
}

/// A running service with one view.
struct World {
    store: MemoryEventStore,
    fault: Arc<AtomicU8>,
    health: ServiceHealth<Remote>,
    progress: Progress,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<Result<ServiceOutcome, ServiceError>>,
}

impl World {
    /// A service that has caught up, unless a part of it fails first.
    async fn start(limits: HealthLimits) -> Self {
        Self::with(MemoryEventStore::default(), limits, None).await
    }

    async fn with(store: MemoryEventStore, limits: HealthLimits, part: Option<Part>) -> Self {
        let runner = Runner::over_log(&store, Seats).expect("a view");
        let runner = runner.on_failure(|failure| match &failure.event.payload[..] {
            STOPS => ErrorAction::Stop,
            _ => ErrorAction::Park,
        });
        let mut progress = runner.progress();
        let mut service = Service::new()
            .on_failure(OnFailure::KeepOthers)
            .with(runner);
        service.parts.extend(part);
        let fault = Arc::new(AtomicU8::new(0));
        let remote = Remote {
            store: store.clone(),
            fault: Arc::clone(&fault),
        };
        let health = service.health(&remote, limits);
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(service.run_until(async move { drop(stopped.await) }));
        progress.until(|phase| *phase == Phase::CaughtUp).await;
        Self {
            store,
            fault,
            health,
            progress,
            stop: Some(stop),
            running,
        }
    }

    /// Live, ready, degraded.
    async fn cells(&self) -> [bool; 3] {
        let report = self.health.report().await;
        assert_eq!(report.live, self.health.is_live());
        [report.live, report.ready, report.degraded()]
    }

    /// The only finding.
    async fn finding(&self) -> String {
        let mut findings = self.health.report().await.findings;
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings.remove(0)
    }

    async fn append(&self, payload: &'static [u8]) {
        let payload = Bytes::from_static(payload);
        let metadata = Metadata::default();
        let event = NewEvent::from_parts(EventId::random(), "Booked", payload, metadata);
        let stream =
            StreamId::new(Category::new(SeatEvent::CATEGORY).expect("valid"), "A1").expect("valid");
        let append = Append::new(stream, ExpectedVersion::Any, vec![event]);
        self.store.append(append).await.expect("appends");
    }

    /// Another subscription, whose only member does nothing.
    async fn idle_owner(&self) {
        self.store.subscribe("idle", 1).await.expect("subscribes");
        let member = Member::new(
            MemberId::random(),
            "idle",
            LeaseTimes::new(HOUR, Duration::ZERO),
        );
        let beat = self.store.heartbeat("idle", &member, &[]).await;
        assert_eq!(beat.expect("beats").leased.len(), 1);
    }

    async fn stop(&mut self) {
        self.stop.take();
        let ended = (&mut self.running).await.expect("no panic");
        ended.expect("no part failed");
    }
}

fn patient() -> HealthLimits {
    HealthLimits::default()
}

#[tokio::test(start_paused = true)]
async fn a_service_that_works_is_live_ready_and_not_degraded() {
    let world = World::start(patient()).await;
    assert_eq!(world.cells().await, [true, true, false]);
    let report = world.health.report().await;
    assert_eq!(report.to_string(), "live, ready, not degraded");
    let parts = Vec::from_iter(report.parts.iter().map(ToString::to_string));
    assert_eq!(
        parts,
        ["subscription \"seats\": caught up, 0.0 events/s"],
        "each loop with its figures"
    );
    assert_eq!(report.parts[0].lag, Some(Lag::NONE));
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_was_dropped_is_not_live() {
    let mut world = World::start(patient()).await;
    world.running.abort();
    let _ = (&mut world.running).await;
    assert_eq!(world.progress.until(|_| false).await, Phase::Gone);
    assert_eq!(world.cells().await, [false, false, true]);
    assert!(world.finding().await.contains("is gone"));
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_panicked_is_not_live() {
    let reporter = ProgressReporter::default();
    let mut progress = reporter.progress();
    let panicking = Part::new(
        PartKind::Relay,
        "orders",
        Some(reporter.progress()),
        move |_| async move {
            reporter.started(&ALL, None);
            panic!("planted")
        },
    );
    let world = World::with(MemoryEventStore::default(), patient(), Some(panicking)).await;
    assert_eq!(progress.until(|_| false).await, Phase::Gone);
    assert_eq!(world.cells().await, [false, false, true]);
    assert!(
        world
            .finding()
            .await
            .starts_with("relay \"orders\" is gone")
    );
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_failed_is_not_live() {
    let mut world = World::start(patient()).await;
    world.append(STOPS).await;
    let ended = world.progress.until(|_| false).await;
    assert!(matches!(ended, Phase::Failed(_)), "{ended:?}");
    assert_eq!(world.cells().await, [false, false, true]);
    let said = world.health.report().await.findings.join("\n");
    assert!(said.contains("subscription \"seats\" has failed"), "{said}");
    assert!(said.contains("was stopped by a failure"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_was_asked_to_stop_is_live_and_not_ready() {
    let mut world = World::start(patient()).await;
    world.stop().await;
    assert_eq!(world.progress.phase(), Phase::Stopped);
    assert_eq!(world.cells().await, [true, false, false]);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_was_fenced_goes_on() {
    let world = World::start(patient()).await;
    let taken = world.store.claim(Seats::NAME, &ALL, None).await;
    taken.expect("claims").expect("there is such a partition");
    world.append(GOOD).await;
    let handled = wait_for(&world.store, Seats::NAME, Position::new(1)).await;
    handled.expect("handles it");
    assert_eq!(world.cells().await, [true, true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_fails_again_and_again_is_degraded() {
    let reporter = ProgressReporter::default();
    let away = StoreError::new(StoreErrorKind::Unavailable, "planted");
    reporter.retrying(None, &away);
    let part = Part::new(
        PartKind::Relay,
        "orders",
        Some(reporter.progress()),
        move |stop| async move {
            let _reporter = reporter;
            stop.await;
            Ok(())
        },
    );
    let limits = patient().retrying(Duration::ZERO);
    let world = World::with(MemoryEventStore::default(), limits, Some(part)).await;
    assert_eq!(world.cells().await, [true, true, true]);
    assert!(world.finding().await.ends_with("planted"));
}

#[tokio::test(start_paused = true)]
async fn a_parked_stream_is_a_finding_only() {
    let mut world = World::start(patient()).await;
    world.append(PARKS).await;
    while world.store.overview().await.expect("reads").subscriptions[0].parked_keys() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await; // the clock is paused
    }
    world
        .progress
        .until(|phase| *phase == Phase::CaughtUp)
        .await;
    assert_eq!(world.cells().await, [true, true, true]);
    assert!(world.finding().await.contains("parked"));
}

#[tokio::test(start_paused = true)]
async fn a_held_mark_is_a_finding_only() {
    let world = World::start(patient()).await;
    world.fault.store(3, Ordering::SeqCst);
    assert_eq!(world.cells().await, [true, true, true]);
    let said = world.finding().await;
    assert_eq!(said, "all readers of the log wait for pid 12 at position 7");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_makes_a_service_unready() {
    let world = World::start(patient()).await;
    for fault in [1, 2] {
        world.fault.store(fault, Ordering::SeqCst);
        assert_eq!(world.cells().await, [true, false, true], "fault {fault}");
        assert!(
            world
                .finding()
                .await
                .starts_with("the store does not answer")
        );
    }
    world.fault.store(0, Ordering::SeqCst);
    assert_eq!(world.cells().await, [true, true, false], "restored");
}

#[tokio::test(start_paused = true)]
async fn a_partition_that_nobody_owns_is_a_finding_only() {
    let world = World::start(patient().without_owner(Duration::ZERO)).await;
    world.store.subscribe("left", 1).await.expect("subscribes");
    assert_eq!(world.cells().await, [true, true, true]);
    assert!(world.finding().await.starts_with("left: no process"));
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_stands_still_is_a_finding_only() {
    let world = World::start(patient().standing_still(Duration::ZERO)).await;
    world.append(GOOD).await;
    let handled = wait_for(&world.store, Seats::NAME, Position::new(1)).await;
    handled.expect("handles it");
    assert_eq!(world.cells().await, [true, true, false]);
    world.idle_owner().await;
    assert_eq!(world.cells().await, [true, true, true]);
    assert!(world.finding().await.contains("has not moved"));
}

#[tokio::test(start_paused = true)]
async fn a_lag_is_a_finding_only() {
    let world = World::start(patient().lag(Duration::ZERO)).await;
    world.append(GOOD).await;
    let handled = wait_for(&world.store, Seats::NAME, Position::new(1)).await;
    handled.expect("handles it");
    world.idle_owner().await;
    assert_eq!(world.cells().await, [true, true, true]);
    assert!(world.finding().await.contains("1 event behind"));
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_a_finding_only() {
    let mut world = World::start(patient()).await;
    world
        .store
        .pause(Seats::NAME, "a test")
        .await
        .expect("pauses");
    // An idle runner notices it at its next event.
    world.append(GOOD).await;
    world.progress.until(|phase| *phase == Phase::Paused).await;
    assert_eq!(world.cells().await, [true, true, true]);
    assert!(world.finding().await.contains("is paused"));
}
