//! The runner over the log of the memory store.

mod hooked;
mod names;
mod newer;
mod parking;
mod partitions;
mod progress;
mod skip_record;
mod topics;

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::*;
use crate::{
    codec::CodecError,
    memory::MemoryEventStore,
    model::{
        Checkpoint, Claim, Context, Envelope, Event, EventFilter, FailureKind, KeyRange,
        PartitionId, Position, RecordedEvent, Slices, chain,
    },
    ports::{
        Discards, Document, DocumentConflict, DocumentWrite, Documents, Partitions as _, SaveError,
        StoreError, StoreErrorKind, UnitOfWork, decode_document,
    },
    read::ReadModel,
    roles::{Aggregate, Decision, DocumentKeys, HandlerError, View},
    write::CommandStore,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Counted {
    By(u64),
}
impl Event for Counted {
    const CATEGORY: &'static str = "counter";
}

#[derive(Debug, Default)]
struct Counter;
impl Aggregate for Counter {
    type Command = u64;
    type Event = Counted;
    type Error = std::convert::Infallible;
    fn handle(&self, by: u64, _: &Context) -> Decision<Self> {
        Ok(vec![Counted::By(by)])
    }
    fn apply(&mut self, _: Counted) {}
}

/// The numbers of each counter: they show events that were lost or duplicated.
#[derive(Debug)]
struct Sums;
impl View for Sums {
    const NAME: &'static str = "sums";
    type Events = Counted;
    type Document = Vec<u64>;
    fn keys(&self, event: &Envelope<Counted>) -> DocumentKeys {
        event.id().into()
    }
    fn apply(
        &self,
        _: &str,
        sums: Option<Vec<u64>>,
        event: &Envelope<Counted>,
    ) -> Option<Vec<u64>> {
        let Counted::By(by) = event.event;
        let mut sums = sums.unwrap_or_default();
        sums.push(by);
        Some(sums)
    }
}

/// Passes batches to the view, then returns the result of a function, which may be an error.
struct Faulty<F>(F);

#[async_trait]
impl<S: Documents, F> Handler<S> for Faulty<F>
where
    F: Fn(&[RecordedEvent]) -> Result<(), HandlerError> + Send + Sync + 'static,
{
    fn subscription(&self) -> &str {
        Sums::NAME
    }
    fn reads(&self) -> Result<Vec<EventFilter>, CodecError> {
        Ok(vec![])
    }
    async fn handle(
        &self,
        store: &S,
        tx: &mut S::Transaction,
        batch: &[RecordedEvent],
    ) -> Result<(), HandlerError> {
        let view = IntoHandler::<S, crate::read::handler::role::View>::into_handler(Sums);
        view.handle(store, tx, batch).await?;
        self.0(batch)
    }
}

async fn filled(events: u64) -> MemoryEventStore {
    let store = MemoryEventStore::default();
    count(&store, 1..=events).await;
    store
}

async fn count(store: &MemoryEventStore, numbers: std::ops::RangeInclusive<u64>) {
    let counters = store.repository::<Counter>();
    for n in numbers {
        counters
            .execute(format!("c{}", n % 3), n)
            .await
            .expect("executes");
    }
}

async fn sums<S: Documents>(store: &S) -> Vec<u64> {
    let documents = store
        .documents(Sums::NAME, &KeyRange::all(), 100)
        .await
        .expect("reads");
    let read =
        |(key, document): (String, Document)| decode_document(Sums::NAME, &key, &document.body);
    let mut all: Vec<u64> = documents
        .into_iter()
        .flat_map(|d| -> Vec<u64> { read(d).expect("reads") })
        .collect();
    all.sort_unstable();
    all
}

/// Claims a partition, of a subscription that has one partition of the log.
async fn claim_of(store: &MemoryEventStore, partition: &PartitionId) -> Claim {
    store.subscribe(Sums::NAME, 1).await.expect("subscribes");
    let claim = store.claim(Sums::NAME, partition, None).await;
    claim.expect("claims").expect("it is there")
}

/// Waits until the checkpoint of the subscription is at `position`.
async fn caught_up<S: Checkpoints>(store: &S, position: u64) {
    let at = async || {
        store
            .checkpoint(Sums::NAME, &PartitionId::Log(Slices::ALL))
            .await
            .expect("reads")
    };
    while at()
        .await
        .is_none_or(|checkpoint| checkpoint.offset.get() < position)
    {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Runs until the event at `position` is handled, then stops.
async fn run_to<H: Handler<MemoryEventStore>>(
    store: &MemoryEventStore,
    handler: H,
    position: u64,
) -> Result<(), RunnerError> {
    Runner::over_log::<crate::read::handler::role::Handler>(store, handler)?
        .batch_size(7)
        .on_failure(|_| ErrorAction::Stop)
        .run(caught_up(store, position))
        .await
}

#[tokio::test]
async fn a_view_is_updated_and_rebuilt_by_replay() {
    let store = filled(50).await;
    let (stop, mut stopped) = watch::channel(false);
    let runner = Runner::over_log::<crate::read::handler::role::View>(&store, Sums)
        .expect("a view")
        .batch_size(4);
    let running =
        tokio::spawn(runner.run(async move { drop(stopped.wait_for(|stop| *stop).await) }));
    caught_up(&store, 50).await;
    assert_eq!(sums(&store).await, Vec::from_iter(1..=50));
    store
        .repository::<Counter>()
        .execute("c9", 51)
        .await
        .expect("executes");
    caught_up(&store, 51).await;
    let model = ReadModel::<Sums, _>::new(&store);
    model
        .reset("rebuild")
        .await
        .expect("resets, with the runner at work");
    caught_up(&store, 51).await;
    assert_eq!(sums(&store).await, Vec::from_iter(1..=51));
    stop.send_replace(true);
    running.await.expect("no panic").expect("stops");
}

#[tokio::test(start_paused = true)]
async fn a_failed_batch_is_rolled_back_and_delivered_again() {
    let store = filled(50).await;
    let calls = AtomicU32::new(0);
    let fail_often =
        Faulty(
            move |_: &[RecordedEvent]| match calls.fetch_add(1, Ordering::Relaxed) % 3 {
                0 => Err(StoreError::new(StoreErrorKind::Unavailable, "planted").into()),
                1 => Err(SaveError::from(DocumentConflict::new("planted", "planted")).into()),
                _ => Ok(()),
            },
        );
    run_to(&store, fail_often, 50).await.expect("runs");
    assert_eq!(sums(&store).await, Vec::from_iter(1..=50));
}

#[tokio::test(start_paused = true)]
async fn all_events_before_a_poison_event_are_committed() {
    let store = filled(50).await;
    let poison =
        |batch: &[RecordedEvent]| match batch.iter().find(|event| event.position.get() == 24) {
            Some(event) => Err(HandlerError::poison(event.id, "planted")),
            None => Ok(()),
        };
    let error = run_to(&store, Faulty(poison), 50).await.expect_err("stops");
    let message = chain(&error).to_string();
    assert!(
        message.contains("counter-c0@8 (By), position 24 (refused);")
            && message.ends_with(": planted")
            && message.contains("\"sums\""),
        "{message}"
    );
    assert_eq!(sums(&store).await, Vec::from_iter(1..24));
    run_to(&store, Faulty(|_: &[RecordedEvent]| Ok(())), 50)
        .await
        .expect("goes on after the cause is gone");
    assert_eq!(sums(&store).await, Vec::from_iter(1..=50));
}

#[tokio::test]
async fn a_store_that_cannot_be_used_stops_the_runner() {
    for kind in [StoreErrorKind::Schema, StoreErrorKind::Misconfigured] {
        let store = filled(3).await;
        let reject = move |_: &[RecordedEvent]| Err(StoreError::new(kind, "planted").into());
        let error = run_to(&store, Faulty(reject), 3).await.expect_err("stops");
        assert!(matches!(error.kind, RunnerErrorKind::Store(_)), "{error}");
        assert_eq!(sums(&store).await, [0_u64; 0]);
    }
}

/// The failure names no event. All events before the one that fails are committed, and the error names that one.
async fn the_event_is_found(
    fail: fn() -> Result<(), HandlerError>,
    kind: FailureKind,
    reason: &str,
) {
    for poison in [1, 2, 24, 50] {
        let store = filled(50).await;
        let is_poison = move |event: &RecordedEvent| event.position.get() == poison;
        let handler = move |batch: &[RecordedEvent]| match batch.iter().any(is_poison) {
            true => fail(),
            false => Ok(()),
        };
        let error = run_to(&store, Faulty(handler), 50)
            .await
            .expect_err("stops");
        let text = chain(&error).to_string();
        let RunnerErrorKind::Poison { event, failure, .. } = error.kind else {
            panic!("{text}");
        };
        assert_eq!((event.position.get(), failure), (poison, kind), "{text}");
        assert!(text.ends_with(reason), "{text}");
        assert_eq!(sums(&store).await, Vec::from_iter(1..poison));
    }
}

#[tokio::test(start_paused = true)]
async fn the_event_that_makes_a_role_panic_is_found() {
    let kind = FailureKind::Panicked;
    the_event_is_found(|| panic!("planted"), kind, "the role panicked: planted").await;
}

#[tokio::test(start_paused = true)]
async fn the_event_that_the_store_rejects_is_found() {
    let reject = || Err(StoreError::new(StoreErrorKind::InvalidInput, "planted").into());
    the_event_is_found(reject, FailureKind::Rejected, "planted").await;
}

/// The source hands the partition out as soon as the failing worker has given it back. In some rounds that is before the runner
/// sees the failure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_failure_no_event_is_handled_in_this_run() {
    for _ in 0..300 {
        let store = filled(20).await;
        let failures = AtomicU32::new(0);
        let heals = move |batch: &[RecordedEvent]| {
            let poison = batch.iter().find(|event| event.position.get() == 7);
            match poison {
                Some(event) if failures.fetch_add(1, Ordering::Relaxed) < 2 => {
                    Err(HandlerError::poison(event.id, "planted"))
                }
                _ => Ok(()),
            }
        };
        run_to(&store, Faulty(heals), 20).await.expect_err("stops");
        assert_eq!(sums(&store).await, Vec::from_iter(1..7));
    }
}

#[tokio::test(start_paused = true)]
async fn a_runner_continues_after_a_skipped_event() {
    let store = filled(50).await;
    let poison = |batch: &[RecordedEvent]| match batch.iter().find(|e| e.position.get() == 24) {
        Some(event) => Err(HandlerError::poison(event.id, "planted")),
        None => Ok(()),
    };
    let runner = || Runner::over_log::<crate::read::handler::role::Handler>(&store, Faulty(poison));
    run_to(&store, Faulty(poison), 50).await.expect_err("stops");
    let log = PartitionId::Log(Slices::ALL);
    let epoch = async || claim_of(&store, &log).await.epoch;
    let before = epoch().await;
    for (wrong, next) in [
        (23, "position 24"),
        (25, "position 24"),
        (51, "position 24"),
    ] {
        let error = runner()
            .expect("a view")
            .skip(Position::new(wrong), "why")
            .await;
        let text = error.expect_err("not the next one").to_string();
        assert!(text.contains(next), "{text}");
    }
    let error = runner().expect("a view").skip(Position::new(24), " ").await;
    assert!(matches!(error, Err(SkipError::NoReason)), "{error:?}");
    assert_eq!(epoch().await, before + 1, "a refused call fences nobody");

    let skipped = runner()
        .expect("a view")
        .skip(Position::new(24), "a test wrote it")
        .await;
    let skipped = skipped.expect("skips");
    let text = r#"counter-c0@8 of subscription "sums": a test wrote it"#;
    assert_eq!(skipped.to_string(), text);
    run_to(&store, Faulty(poison), 50).await.expect("goes on");
    let expected = Vec::from_iter((1..=50).filter(|n| *n != 24));
    assert_eq!(sums(&store).await, expected);
    assert_eq!(store.discarded(Sums::NAME).await.expect("reads"), [skipped]);
    let error = runner()
        .expect("a view")
        .skip(Position::new(51), "why")
        .await;
    let text = error.expect_err("there is none").to_string();
    assert!(text.contains("its next event is not there yet"), "{text}");
}

/// A runner that is at work is fenced, and continues after the event.
#[tokio::test(start_paused = true)]
async fn an_event_can_be_skipped_while_another_runner_is_at_work() {
    let store = filled(5).await;
    let unavailable = |batch: &[RecordedEvent]| match batch.iter().any(|e| e.position.get() == 3) {
        true => Err(StoreError::new(StoreErrorKind::Unavailable, "planted").into()),
        false => Ok(()),
    };
    let running = tokio::spawn({
        let store = store.clone();
        async move { run_to(&store, Faulty(unavailable), 5).await }
    });
    caught_up(&store, 2).await;
    let runner = Runner::over_log::<crate::read::handler::role::View>(&store, Sums);
    let runner = runner.expect("a view");
    runner
        .skip(Position::new(3), "it takes too long")
        .await
        .expect("skips");
    running.await.expect("no panic").expect("goes on");
    assert_eq!(sums(&store).await, [1, 2, 4, 5]);
}

/// As with a time limit for statements, or a lock table that is full.
#[tokio::test(start_paused = true)]
async fn a_batch_that_is_too_large_for_the_store_passes_in_parts() {
    for most in [1, 2, 3] {
        let store = filled(50).await;
        let too_large = move |batch: &[RecordedEvent]| match batch.len() > most {
            true => Err(StoreError::new(StoreErrorKind::Unavailable, "planted").into()),
            false => Ok(()),
        };
        run_to(&store, Faulty(too_large), 50).await.expect("runs");
        assert_eq!(sums(&store).await, Vec::from_iter(1..=50));
    }
}

/// Runs over a source that was made by hand.
async fn run_over_source(store: &MemoryEventStore, position: u64) -> Result<(), RunnerError> {
    let source = LogSource::new(store, Sums::NAME, Vec::new());
    Runner::over::<crate::read::handler::role::View>(store, Sums, source)?
        .batch_size(7)
        .run(caught_up(store, position))
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_runners_with_one_name_apply_every_event_once() {
    let store = filled(300).await;
    let one = store.clone();
    let two = store.clone();
    let one = tokio::spawn(async move { run_over_source(&one, 300).await });
    let two = tokio::spawn(async move { run_over_source(&two, 300).await });
    one.await.expect("no panic").expect("runs");
    two.await.expect("no panic").expect("runs");
    assert_eq!(sums(&store).await, Vec::from_iter(1..=300));
}

/// After a fail-over the store may have lost the commit of a batch but not its events, and no call has failed.
#[tokio::test(start_paused = true)]
async fn a_batch_that_the_store_lost_is_handled_again() {
    let store = filled(4).await;
    let log = PartitionId::Log(Slices::ALL);
    let runner = Runner::over_log(&store, Sums).expect("a view");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(runner.run(async { drop(stopped.await) }));
    caught_up(&store, 4).await;
    let documents = store
        .documents(Sums::NAME, &KeyRange::all(), 10)
        .await
        .expect("reads");
    let then = store.checkpoint(Sums::NAME, &log).await.expect("reads");
    count(&store, 5..=10).await;
    caught_up(&store, 10).await;

    put_back(&store, &documents, then.expect("four events")).await;
    // The worker still takes 10 as its checkpoint.
    count(&store, 11..=11).await;
    caught_up(&store, 11).await;
    assert_eq!(sums(&store).await, Vec::from_iter(1..=11));
    drop(stop);
    running.await.expect("no panic").expect("runs");
}

/// Moves documents and checkpoint back without a claim, like a server that lost the batches after them.
async fn put_back(store: &MemoryEventStore, documents: &[(String, Document)], to: Checkpoint) {
    let log = PartitionId::Log(Slices::ALL);
    let epoch = 1;
    let mut transaction = store.begin().await.expect("begins");
    let from = store.checkpoint(Sums::NAME, &log).await.expect("reads");
    store
        .advance_in(&mut transaction, Sums::NAME, &log, epoch, from, to)
        .await
        .expect("it is the first claim");
    for (key, document) in documents {
        let current = store.document(Sums::NAME, key).await.expect("reads");
        let version = current.expect("it is there").version;
        let write = DocumentWrite::new(key.clone(), version, Some(document.body.clone()));
        store
            .save_in(&mut transaction, Sums::NAME, &[write])
            .await
            .expect("saves");
    }
    store.commit(transaction).await.expect("commits");
}

#[tokio::test]
async fn a_log_that_was_replaced_is_an_error_not_a_silent_skip() {
    let store = filled(20).await;
    run_to(&store, Faulty(|_: &[RecordedEvent]| Ok(())), 20)
        .await
        .expect("runs");
    let restored = filled(30).await;
    let claim = claim_of(&restored, &PartitionId::Log(Slices::ALL)).await;
    let checkpoint = store
        .checkpoint(Sums::NAME, &PartitionId::Log(Slices::ALL))
        .await
        .expect("reads")
        .expect("exists");
    let mut tx = restored.begin().await.expect("begins");
    restored
        .advance_in(
            &mut tx,
            Sums::NAME,
            &PartitionId::Log(Slices::ALL),
            claim.epoch,
            claim.at,
            checkpoint,
        )
        .await
        .expect("moves");
    restored.commit(tx).await.expect("commits");
    let error = run_to(&restored, Faulty(|_: &[RecordedEvent]| Ok(())), 30)
        .await
        .expect_err("stops");
    let message = chain(&error).to_string();
    assert!(
        message.contains("the log was replaced: position 20 held event"),
        "{message}"
    );
}

#[tokio::test]
async fn catch_up_handles_all_current_events_and_ends() {
    let store = filled(50).await;
    let runner = || Runner::over_log::<crate::read::handler::role::View>(&store, Sums);
    let catch_up = async || runner().expect("a view").batch_size(7).catch_up().await;
    catch_up().await.expect("catches up");
    assert_eq!(sums(&store).await, Vec::from_iter(1..=50));
    catch_up().await.expect("has caught up");
    store
        .repository::<Counter>()
        .execute("c9", 51)
        .await
        .expect("executes");
    catch_up().await.expect("catches up");
    assert_eq!(sums(&store).await, Vec::from_iter(1..=51));
    let empty = MemoryEventStore::default();
    let runner = Runner::over_log::<crate::read::handler::role::View>(&empty, Sums);
    runner.expect("a view").catch_up().await.expect("is empty");
}

#[tokio::test(start_paused = true)]
async fn catch_up_ends_with_the_error_that_stops_the_runner() {
    let store = filled(3).await;
    let poison = |batch: &[RecordedEvent]| Err(HandlerError::poison(batch[0].id, "planted"));
    let runner = Runner::over_log::<crate::read::handler::role::Handler>(&store, Faulty(poison));
    let runner = runner.expect("a view").on_failure(|_| ErrorAction::Stop);
    let error = runner.catch_up().await;
    let kind = error.expect_err("stops").kind;
    assert!(matches!(kind, RunnerErrorKind::Poison { .. }), "{kind}");
}

/// Runs a view, whose enum is complete or partial, over an event that it does not know.
async fn run_view_over_unknown_event<V: View>(view: V) -> Result<(), RunnerError> {
    let store = filled(2).await;
    let unknown = crate::model::NewEvent {
        id: crate::model::EventId::random(),
        event_type: "Reset",
        schema_version: 1,
        payload: bytes::Bytes::from_static(b"{}"),
        metadata: crate::model::Metadata::default(),
    };
    let stream = crate::model::StreamId::of::<Counted>("c9").expect("valid");
    let append = crate::ports::Append {
        stream,
        expected: crate::model::ExpectedVersion::Any,
        events: vec![unknown],
    };
    crate::ports::EventStore::append(&store, append)
        .await
        .expect("appends");
    let runner =
        Runner::over_log::<crate::read::handler::role::View>(&store, view).expect("a view");
    let runner = runner.on_failure(|_| ErrorAction::Stop);
    runner.run(caught_up(&store, 3)).await
}

#[tokio::test]
async fn an_event_of_an_unknown_type_stops_its_view() {
    let error = run_view_over_unknown_event(Sums).await.expect_err("stops");
    let message = chain(&error).to_string();
    let RunnerErrorKind::Poison { failure, .. } = error.kind else {
        panic!("{message}");
    };
    assert_eq!(failure, FailureKind::Undecodable);
    assert!(
        message.contains("counter-c9@1 (Reset), position 3")
            && message.contains("the known types are: By"),
        "{message}"
    );
}

#[tokio::test]
async fn a_partial_enum_skips_unknown_types() {
    #[derive(Debug, Serialize, Deserialize)]
    enum Increments {
        By(u64),
    }
    impl Event for Increments {
        const CATEGORY: &'static str = "counter";
        const PARTIAL: bool = true;
    }
    struct Partial;
    impl View for Partial {
        const NAME: &'static str = Sums::NAME;
        type Events = Increments;
        type Document = u64;
        fn keys(&self, event: &Envelope<Increments>) -> DocumentKeys {
            event.id().into()
        }
        fn apply(&self, _: &str, sum: Option<u64>, event: &Envelope<Increments>) -> Option<u64> {
            let Increments::By(by) = event.event;
            Some(sum.unwrap_or_default() + by)
        }
    }
    run_view_over_unknown_event(Partial)
        .await
        .expect("goes on to the end of the log");
}

#[tokio::test]
async fn events_that_are_not_an_enum_are_rejected_at_the_start() {
    #[derive(Serialize, Deserialize)]
    struct Plain {}
    impl Event for Plain {
        const CATEGORY: &'static str = "plain";
    }
    struct OfPlain;
    impl View for OfPlain {
        const NAME: &'static str = "of-plain";
        type Events = Plain;
        type Document = ();
        fn keys(&self, _: &Envelope<Plain>) -> DocumentKeys {
            DocumentKeys::none()
        }
        fn apply(&self, _: &str, document: Option<()>, _: &Envelope<Plain>) -> Option<()> {
            document
        }
    }
    let store = MemoryEventStore::default();
    let error = Runner::over_log::<crate::read::handler::role::View>(&store, OfPlain)
        .map(drop)
        .expect_err("rejected");
    assert!(matches!(error.kind, RunnerErrorKind::Role(_)), "{error}");
}
