//! Parking: what is parked waits, and others go on.

mod ahead;
mod chaos;
mod dead_letters;
mod interleavings;
mod keys;
mod partitioned;
mod topics;
mod unreadable;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use super::*;
use crate::{
    model::{EventId, OrderingKey, StreamId},
    ports::{EventStore, ParkedKey},
    read::{ErrorAction, ParkedKeys, WaitError, wait_for},
};

/// The numbers that cannot be handled now.
#[derive(Clone, Default)]
struct Bad(Arc<Mutex<BTreeSet<u64>>>);

impl Bad {
    fn new(numbers: impl IntoIterator<Item = u64>) -> Self {
        let bad = Self::default();
        bad.set(numbers);
        bad
    }

    fn set(&self, numbers: impl IntoIterator<Item = u64>) {
        *self.0.lock().expect("no panic") = numbers.into_iter().collect();
    }

    fn has(&self, event: &RecordedEvent) -> bool {
        let number = event.position.get();
        self.0.lock().expect("no panic").contains(&number)
    }

    fn first(&self, batch: &[RecordedEvent]) -> Option<EventId> {
        batch
            .iter()
            .find(|event| self.has(event))
            .map(|event| event.id)
    }

    /// The view, which refuses these numbers.
    fn view(&self) -> Faulty<impl Fn(&[RecordedEvent]) -> Result<(), HandlerError> + use<>> {
        let bad = self.clone();
        Faulty(move |batch: &[RecordedEvent]| match bad.first(batch) {
            Some(event) => Err(HandlerError::poison(event, "no rate for `EUR`")),
            None => Ok(()),
        })
    }
}

/// A runner that runs until it is stopped.
struct Running {
    progress: Progress,
    stop: tokio::sync::oneshot::Sender<()>,
    running: tokio::task::JoinHandle<Result<(), RunnerError>>,
}

impl Running {
    fn start<S, H, R>(runner: Runner<S, H, R>) -> Self
    where
        S: Checkpoints + Inbox + Parking,
        H: Handler<S>,
        R: Source,
    {
        let progress = runner.progress();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(runner.run(async { drop(stopped.await) }));
        Self {
            progress,
            stop,
            running,
        }
    }

    async fn stop(self) {
        drop(self.stop);
        self.running.await.expect("no panic").expect("runs");
    }
}

fn runner<S, H>(store: &S, handler: H) -> LogRunner<S, H>
where
    S: crate::ports::Partitions + Inbox + Parking,
    H: Handler<S>,
{
    let runner = Runner::over_log::<crate::read::handler::role::Handler>(store, handler);
    runner.expect("a view").batch_size(7)
}

/// The numbers of each counter, in the order in which they were handled.
async fn counters(store: &MemoryEventStore) -> BTreeMap<String, Vec<u64>> {
    let documents = store
        .documents(Sums::NAME, &KeyRange::all(), 100)
        .await
        .expect("reads");
    let read = |(key, document): (String, Document)| {
        let numbers = decode_document(Sums::NAME, &key, &document.body).expect("reads");
        (key, numbers)
    };
    documents.into_iter().map(read).collect()
}

/// The numbers of `1..=last` that [`count`] gives to each counter.
fn expected(last: u64, without: &[u64]) -> BTreeMap<String, Vec<u64>> {
    let mut expected: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for number in (1..=last).filter(|number| !without.contains(number)) {
        let key = format!("c{}", number % 3);
        expected.entry(key).or_default().push(number);
    }
    expected
}

fn parked(store: &MemoryEventStore) -> ParkedKeys<MemoryEventStore> {
    ParkedKeys::new(store, Sums::NAME)
}

async fn all(store: &MemoryEventStore) -> Vec<ParkedKey> {
    parked(store).all().await.expect("reads")
}

/// Waits until this many keys are parked and nothing is requested.
async fn settled(store: &MemoryEventStore, keys: usize) -> Vec<ParkedKey> {
    loop {
        let all = all(store).await;
        if all.len() == keys && all.iter().all(|parked| parked.requested.is_none()) {
            return all;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn key(id: &str) -> OrderingKey {
    StreamId::of::<Counted>(id).expect("valid").into()
}

#[tokio::test(start_paused = true)]
async fn others_go_on_while_a_stream_waits() {
    let store = filled(30).await;
    let bad = Bad::new([7]);
    let running = Running::start(runner(&store, bad.view()));
    caught_up(&store, 30).await;
    let waits = Vec::from_iter((7..=30).filter(|number| number % 3 == 1));
    assert_eq!(counters(&store).await, expected(30, &waits));
    let [found] = settled(&store, 1).await.try_into().expect("one");
    assert_eq!((found.key.clone(), found.attempts), (key("c1"), 5));
    assert_eq!(found.failure, FailureKind::Refused);
    let text = "counter-c1 waits before counter-c1@3 (By), position 7: no rate for `EUR`";
    assert_eq!(found.to_string(), text);
    let log = PartitionId::Log(Slices::ALL);
    assert_eq!(running.progress.partitions()[&log].parked_keys, 1);
    let groups = parked(&store).groups().await.expect("reads");
    let [group] = groups.try_into().expect("one");
    let text = "1 stream, 8 events wait: By: no rate for `EUR`";
    assert_eq!(group.to_string(), text);

    bad.set([]);
    let asked = parked(&store).redrive(group.fingerprint, "repaired").await;
    assert_eq!(asked.expect("asks"), 1);
    settled(&store, 0).await;
    assert_eq!(counters(&store).await, expected(30, &[]));
    count(&store, 31..=40).await;
    caught_up(&store, 40).await;
    assert_eq!(counters(&store).await, expected(40, &[]));
    assert_eq!(running.progress.partitions()[&log].parked_keys, 0);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_passes_is_not_parked() {
    let store = filled(20).await;
    let failures = AtomicU32::new(0);
    let heals = move |batch: &[RecordedEvent]| {
        let poison = batch.iter().find(|event| event.position.get() == 7);
        match poison {
            Some(event) if failures.fetch_add(1, Ordering::Relaxed) < 4 => {
                Err(HandlerError::poison(event.id, "planted"))
            }
            _ => Ok(()),
        }
    };
    let running = Running::start(runner(&store, Faulty(heals)));
    caught_up(&store, 20).await;
    running.stop().await;
    assert_eq!(counters(&store).await, expected(20, &[]));
    assert_eq!(all(&store).await, []);
}

/// What waits has another event that fails: those before it are handled, and it waits in front now.
#[tokio::test(start_paused = true)]
async fn a_redrive_ends_before_the_next_event_that_fails() {
    let store = filled(60).await;
    let bad = Bad::new([7]);
    let running = Running::start(runner(&store, bad.view()));
    caught_up(&store, 60).await;
    let [found] = settled(&store, 1).await.try_into().expect("one");
    for (still_bad, attempts) in [(31, 1), (31, 2), (58, 1)] {
        let next = if attempts == 2 { 31 } else { still_bad };
        bad.set([next]);
        let [front] = all(&store).await.try_into().expect("one");
        let asked = parked(&store).redrive_key(&front, "repaired").await;
        assert!(asked.expect("asks"));
        let [front] = settled(&store, 1).await.try_into().expect("one");
        assert_eq!(
            (front.event.position.get(), front.attempts),
            (next, attempts)
        );
        assert_eq!(front.parked_at, found.parked_at);
        let waits = Vec::from_iter((next..=60).filter(|number| number % 3 == 1));
        assert_eq!(counters(&store).await, expected(60, &waits));
    }
    running.stop().await;
}

/// A page of a stream ends at its bytes. What is behind it waits for the next redrive, and is not passed over.
#[tokio::test(start_paused = true)]
async fn large_events_that_wait_are_redriven_page_by_page() {
    let store = MemoryEventStore::default();
    let stream = StreamId::of::<Counted>("c1").expect("valid");
    for number in 1..=24 {
        let event = crate::model::NewEvent {
            id: EventId::random(),
            event_type: "By",
            schema_version: 1,
            payload: format!("{number}{}", " ".repeat(900_000)).into(),
            metadata: crate::model::Metadata::default(),
        };
        let expected = crate::model::ExpectedVersion::Any;
        let append = crate::ports::Append::new(stream.clone(), expected, vec![event]);
        store.append(append).await.expect("appends");
    }
    let bad = Bad::new([1]);
    let running = Running::start(runner(&store, bad.view()).batch_size(100));
    let [front] = settled(&store, 1).await.try_into().expect("one");
    caught_up(&store, 24).await;
    bad.set([]);
    let asked = parked(&store).redrive_key(&front, "repaired").await;
    assert!(asked.expect("asks"));
    settled(&store, 0).await;
    let handled = BTreeMap::from([("c1".to_owned(), Vec::from_iter(1..=24))]);
    assert_eq!(counters(&store).await, handled);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_canary_is_the_oldest_of_its_group() {
    let store = filled(30).await;
    let bad = Bad::new([8, 13]);
    let running = Running::start(runner(&store, bad.view()));
    caught_up(&store, 30).await;
    settled(&store, 2).await;
    let groups = parked(&store).groups().await.expect("reads");
    let [group] = groups.try_into().expect("one cause");
    let text = "2 streams, 14 events wait: By: no rate for `EUR`";
    assert_eq!(group.to_string(), text);
    bad.set([]);
    let canary = parked(&store)
        .redrive_one(group.fingerprint, "repaired")
        .await;
    assert_eq!(canary.expect("asks"), Some(key("c2")));
    let [left] = settled(&store, 1).await.try_into().expect("one");
    assert_eq!(left.key, key("c1"));
    let canary = parked(&store)
        .redrive_one(group.fingerprint, "repaired")
        .await;
    assert_eq!(canary.expect("asks"), Some(key("c1")));
    settled(&store, 0).await;
    running.stop().await;
    assert_eq!(counters(&store).await, expected(30, &[]));
}

#[tokio::test(start_paused = true)]
async fn a_discarded_event_is_passed_over_and_the_rest_is_handled() {
    let store = filled(30).await;
    let bad = Bad::new([7, 13, 28]);
    let running = Running::start(runner(&store, bad.view()));
    caught_up(&store, 30).await;
    let mut reasons = Vec::new();
    for number in [7, 13, 28] {
        let [front] = settled(&store, 1).await.try_into().expect("one");
        assert_eq!(front.event.position.get(), number);
        let no_reason = parked(&store).discard(&front, " ").await;
        assert!(no_reason.is_err(), "a reason is needed");
        let asked = parked(&store).discard(&front, &format!("{number}")).await;
        assert!(asked.expect("asks"));
        let again = parked(&store).discard(&front, "twice").await;
        assert!(!again.expect("asks"), "it is requested");
        while all(&store)
            .await
            .first()
            .is_some_and(|now| now.event == front.event)
        {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let again = parked(&store).discard(&front, "too late").await;
        assert!(!again.expect("asks"), "another event is in front");
        reasons.push(number.to_string());
    }
    settled(&store, 0).await;
    running.stop().await;
    assert_eq!(counters(&store).await, expected(30, &[7, 13, 28]));
    let discarded = store.discarded(Sums::NAME).await.expect("reads");
    assert!(discarded.iter().map(|one| &one.reason).eq(&reasons));
}

/// Each way to fail that names no event is led to the event, and parks its stream only.
#[tokio::test(start_paused = true)]
async fn a_panic_a_time_out_and_a_rejection_park_their_stream() {
    struct Fails(FailureKind);
    #[async_trait]
    impl<S: Documents> Handler<S> for Fails {
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
            Faulty(|_: &[RecordedEvent]| Ok(()))
                .handle(store, tx, batch)
                .await?;
            if batch.iter().all(|event| event.position.get() != 8) {
                return Ok(());
            }
            match self.0 {
                FailureKind::Panicked => panic!("planted"),
                FailureKind::TimedOut => std::future::pending().await,
                _ => Err(StoreError::new(StoreErrorKind::InvalidInput, "planted").into()),
            }
        }
    }
    for kind in [
        FailureKind::Panicked,
        FailureKind::TimedOut,
        FailureKind::Rejected,
    ] {
        let store = filled(20).await;
        let limit = Duration::from_millis(100);
        let running = Running::start(runner(&store, Fails(kind)).batch_time(limit));
        caught_up(&store, 20).await;
        let [found] = settled(&store, 1).await.try_into().expect("one");
        assert_eq!((found.key, found.failure), (key("c2"), kind));
        running.stop().await;
        assert_eq!(counters(&store).await, expected(20, &[8, 11, 14, 17, 20]));
    }
}

#[tokio::test(start_paused = true)]
async fn at_the_limit_the_runner_stops() {
    let store = filled(30).await;
    let bad = Bad::new([4, 5, 6]);
    let stop = caught_up(&store, 30);
    let error = runner(&store, bad.view()).park_at_most(2).run(stop).await;
    let kind = error.expect_err("stops").kind;
    let RunnerErrorKind::TooManyParked { event, most, .. } = kind else {
        panic!("{kind}");
    };
    assert_eq!((event.position.get(), most), (6, 2));
    assert_eq!(counters(&store).await, expected(5, &[4, 5]));
    assert_eq!(all(&store).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_runner_that_skips_records_each_event() {
    let store = filled(30).await;
    let bad = Bad::new([4, 5, 6]);
    let runner = runner(&store, bad.view()).on_failure(|_| ErrorAction::Skip);
    runner.run(caught_up(&store, 30)).await.expect("runs");
    assert_eq!(counters(&store).await, expected(30, &[4, 5, 6]));
    let discarded = store.discarded(Sums::NAME).await.expect("reads");
    assert_eq!(discarded.len(), 3);
    assert!(discarded.iter().all(|one| one.reason.contains("no rate")));
}

/// In front of it the partition waits. Behind a parked event it waits, too, and whoever has newer code goes on with the redrive.
#[tokio::test(start_paused = true)]
async fn an_event_of_newer_code_is_never_parked() {
    for (newer, is_behind) in [(8, false), (13, true)] {
        let store = filled(30).await;
        let bad = Bad::new([7]);
        let first = bad.clone();
        let old_code = move |batch: &[RecordedEvent]| {
            let mut events = batch.iter();
            match (
                first.first(batch),
                events.find(|event| event.position.get() == newer),
            ) {
                (Some(event), _) => Err(HandlerError::poison(event, "planted")),
                (None, Some(event)) => Err(HandlerError::NewerEvent {
                    event: event.id,
                    error: StoreError::new(StoreErrorKind::NewerEvent, "planted"),
                }),
                (None, None) => Ok(()),
            }
        };
        let running = Running::start(runner(&store, Faulty(old_code)));
        caught_up(&store, if is_behind { 30 } else { 7 }).await;
        settled(&store, 1).await;
        if is_behind {
            bad.set([]);
            let [front] = all(&store).await.try_into().expect("one");
            let asked = parked(&store).redrive_key(&front, "repaired").await;
            assert!(asked.expect("asks"));
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        let [front] = all(&store).await.try_into().expect("one");
        let expected_front = if is_behind { newer } else { 7 };
        assert_eq!(front.event.position.get(), expected_front);
        assert_eq!(front.requested.is_some(), is_behind);
        running.stop().await;

        let running = Running::start(runner(&store, bad.view()));
        caught_up(&store, 30).await;
        settled(&store, usize::from(!is_behind)).await;
        running.stop().await;
        let waits = Vec::from_iter((7..=30).filter(|number| !is_behind && number % 3 == 1));
        assert_eq!(counters(&store).await, expected(30, &waits));
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_parked_stream_is_told() {
    let store = filled(30).await;
    let running = Running::start(runner(&store, Bad::new([7]).view()));
    let wait = async |position| wait_for(&store, Sums::NAME, Position::new(position)).await;
    for position in [1, 4, 5, 6, 8, 9, 29, 30] {
        wait(position).await.expect("is handled");
    }
    for position in [7, 10, 28] {
        let error = wait(position).await.expect_err("is not handled");
        let WaitError::Parked(parked) = error else {
            panic!("{error}");
        };
        assert_eq!(parked.event.position.get(), 7);
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_reset_begins_with_nothing_parked() {
    let store = filled(30).await;
    let bad = Bad::new([7]);
    let running = Running::start(runner(&store, bad.view()));
    caught_up(&store, 30).await;
    settled(&store, 1).await;
    bad.set([]);
    let model = ReadModel::<Sums, _>::new(&store);
    model.reset("rebuild").await.expect("resets");
    caught_up(&store, 30).await;
    running.stop().await;
    assert_eq!(all(&store).await, []);
    assert_eq!(counters(&store).await, expected(30, &[]));
}

/// The next event of a subscription is one whose key is not parked; what is parked is not passed over with it.
#[tokio::test(start_paused = true)]
async fn a_skip_passes_over_nothing_that_is_parked() {
    let store = filled(9).await;
    let (bad, stops) = (Bad::new([1]), Bad::new([5]));
    let decide = stops.clone();
    let make = || {
        let bad = Bad::new(bad.0.lock().expect("no panic").iter().chain(&[5]).copied());
        let decide = decide.clone();
        runner(&store, bad.view()).on_failure(move |failure| match decide.has(failure.event) {
            true => ErrorAction::Stop,
            false => ErrorAction::Park,
        })
    };
    make().run(caught_up(&store, 9)).await.expect_err("stops");
    let error = make().skip(Position::new(4), "why").await;
    let text = error.expect_err("it is parked").to_string();
    assert!(text.contains("position 5"), "{text}");
    make().skip(Position::new(5), "why").await.expect("skips");
    bad.set([]);
    let running = Running::start(make());
    caught_up(&store, 9).await;
    let [front] = settled(&store, 1).await.try_into().expect("one");
    let asked = parked(&store).redrive_key(&front, "repaired").await;
    assert!(asked.expect("asks"));
    settled(&store, 0).await;
    running.stop().await;
    assert_eq!(counters(&store).await, expected(9, &[5]));
}
