//! A runner that reads a topic into a store.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use cqrs_core::{
    HandlerError, MemoryEventStore, RecordedEvent, Runner, StoreError, StoreErrorKind,
    codec::CodecError,
    memory::MemoryTransaction,
    model::{EventFilter, Offset},
    ports::{Parking, SourceError},
    read::{ErrorAction, Handler, IntoHandler, RunnerError, RunnerErrorKind},
    role,
};
use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer},
};
use tokio::{sync::oneshot, task::JoinHandle};

use crate::fixture::{Count, Counts, Fixture, counted, counts, eventually};

type ViewHandler = <Counts as IntoHandler<MemoryEventStore, role::View>>::Handler;

/// Waits in each batch after the view has written, and fails in every seventh batch.
struct Flaky {
    view: ViewHandler,
    batches: AtomicU64,
    delay: Duration,
}

#[async_trait]
impl Handler<MemoryEventStore> for Flaky {
    fn subscription(&self) -> &str {
        Handler::<MemoryEventStore>::subscription(&self.view)
    }

    fn reads(&self) -> Result<Vec<EventFilter>, CodecError> {
        Handler::<MemoryEventStore>::reads(&self.view)
    }

    async fn handle(
        &self,
        store: &MemoryEventStore,
        transaction: &mut MemoryTransaction,
        batch: &[RecordedEvent],
    ) -> Result<(), HandlerError> {
        self.view.handle(store, transaction, batch).await?;
        tokio::time::sleep(self.delay).await;
        if self.batches.fetch_add(1, Ordering::Relaxed) % 7 == 6 {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "planted").into());
        }
        Ok(())
    }
}

/// The signal that stops a runner, and its task.
pub(crate) type Running = (oneshot::Sender<()>, JoinHandle<Result<(), RunnerError>>);

/// Joins the group and runs the view. Each batch takes `delay` milliseconds.
pub(crate) async fn consume(fixture: &Fixture, store: &MemoryEventStore, delay: u64) -> Running {
    let source = fixture.group("counts").connect().await.expect("joins");
    let flaky = Flaky {
        view: IntoHandler::<MemoryEventStore, role::View>::into_handler(Counts),
        batches: AtomicU64::new(0),
        delay: Duration::from_millis(delay),
    };
    let runner = Runner::over(store, flaky, source)
        .expect("a view")
        .batch_size(50);
    let (stop, stopped) = oneshot::channel::<()>();
    let run = runner.run(async {
        let _ = stopped.await;
    });
    (stop, tokio::spawn(run))
}

pub(crate) async fn stop(running: Running) {
    running.0.send(()).expect("it is running");
    running.1.await.expect("no panic").expect("no error");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_members_share_the_work_and_every_event_counts_once() {
    let fixture = Fixture::new(4, 1);
    fixture.place(100, 60, "").await;
    fixture.relay(1, 6_000).await;

    let store = MemoryEventStore::default();
    let first = consume(&fixture, &store, 100).await;
    eventually("the first member is counting", || async {
        counted(&store).await > 300
    })
    .await;
    let second = consume(&fixture, &store, 5).await;
    eventually("all events are counted", || async {
        counted(&store).await >= 6_000
    })
    .await;
    stop(first).await;

    // The other member has all partitions now.
    fixture.place(100, 10, "").await;
    fixture.relay(1, 7_000).await;
    eventually("the other events are counted", || async {
        counted(&store).await >= 7_000
    })
    .await;
    stop(second).await;
    let each = Count {
        events: 70,
        in_order: true,
    };
    assert_eq!(counts(&store).await, vec![each; 100]);
}

#[tokio::test(flavor = "multi_thread")]
async fn catching_up_handles_the_topics_to_their_ends() {
    let fixture = Fixture::new(4, 1);
    fixture.place(10, 20, "").await;
    fixture.relay(1, 200).await;
    let store = MemoryEventStore::default();
    let catch_up = async || {
        let group = fixture.group("counts");
        let runner = Runner::over(&store, Counts, group.source()).expect("a view");
        runner.batch_size(7).catch_up().await.expect("catches up");
    };
    catch_up().await;
    assert_eq!(counted(&store).await, 200);
    fixture.place(10, 1, "").await;
    fixture.relay(1, 210).await;
    catch_up().await;
    assert_eq!(counted(&store).await, 210);
    catch_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn catching_up_over_a_topic_without_the_events_of_its_checkpoint_fails() {
    let store = MemoryEventStore::default();
    let catch_up = async |fixture: &Fixture| {
        let group = fixture.group("counts");
        let runner = Runner::over(&store, Counts, group.source()).expect("a view");
        runner.catch_up().await
    };
    let before = Fixture::new(1, 1);
    catch_up(&before).await.expect("there is no event yet");
    before.place(10, 1, "").await;
    before.relay(1, 10).await;
    catch_up(&before).await.expect("catches up");
    let empty = Fixture::new(1, 1);
    let error = catch_up(&empty).await.expect_err("created again");
    let RunnerErrorKind::Source(SourceError::OutOfRange { available, .. }) = &error.kind else {
        panic!("{error:?}")
    };
    assert_eq!(*available, Offset::new(0)..=Offset::new(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_not_an_event_stops_the_runner_or_is_parked() {
    let fixture = Fixture::new(1, 1);
    fixture.place(5, 1, "").await;
    fixture.relay(1, 5).await;
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", fixture.config.brokers())
        .create()
        .expect("valid settings");
    let record = BaseRecord::<str, str>::to("shop.order").payload("hello");
    producer.send(record).expect("there is room");
    producer.flush(Duration::from_secs(10)).expect("delivered");

    let store = MemoryEventStore::default();
    let group = fixture.group("counts");
    let runner = Runner::over(&store, Counts, group.source()).expect("a view");
    let runner = runner.on_failure(|_| ErrorAction::Stop);
    let ended = runner.catch_up().await.expect_err("malformed");
    let RunnerErrorKind::Source(SourceError::Malformed { offset, reason, .. }) = &ended.kind else {
        panic!("{ended:?}")
    };
    assert_eq!(*offset, Offset::new(5));
    assert_eq!(reason.to_string(), "header \"ce_specversion\" is missing");
    assert_eq!(counted(&store).await, 5);

    let group = fixture.group("counts");
    let runner = Runner::over(&store, Counts, group.source()).expect("a view");
    runner.catch_up().await.expect("catches up");
    assert_eq!(counted(&store).await, 5);
    let parked = store.parked("counts").await.expect("reads");
    let [found] = &parked[..] else {
        panic!("{parked:?}")
    };
    assert_eq!(found.key.to_string(), "record 0/5");
    assert_eq!(found.reason, "header \"ce_specversion\" is missing");
}
