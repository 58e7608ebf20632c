//! Several runners of a subscription share its partitions.

use tokio::{sync::oneshot, task::JoinHandle};

use super::*;
use crate::{
    model::{Member, Offset},
    ports::{Partitions as _, Reader as _, Source as _, SourceError},
    read::handler::role,
    run_loop::Phase,
};

const LOG: PartitionId = PartitionId::Log(Slices::ALL);

fn runner(
    store: &MemoryEventStore,
    partitions: u16,
) -> LogRunner<MemoryEventStore, crate::read::ViewHandler<Sums>> {
    let runner = Runner::over_log::<role::View>(store, Sums).expect("a view");
    runner.partitions(partitions).batch_size(3)
}

/// Runs until the sender is dropped.
fn start(
    runner: impl FnOnce(oneshot::Receiver<()>) -> JoinHandle<Result<(), RunnerError>>,
) -> (oneshot::Sender<()>, JoinHandle<Result<(), RunnerError>>) {
    let (stop, stopped) = oneshot::channel();
    (stop, runner(stopped))
}

fn running(
    store: &MemoryEventStore,
    partitions: u16,
) -> (oneshot::Sender<()>, JoinHandle<Result<(), RunnerError>>) {
    let runner = runner(store, partitions);
    start(|stopped| tokio::spawn(runner.run(async { drop(stopped.await) })))
}

/// Waits until so many runners have a partition.
async fn owners(store: &MemoryEventStore, wanted: impl Fn(usize, usize) -> bool) {
    loop {
        let partitions = store.partitions(Sums::NAME).await.expect("reads");
        let owned = partitions.iter().filter(|status| status.owner.is_some());
        if wanted(owned.count(), partitions.len()) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The numbers of each counter are in the order of the log.
async fn in_order(store: &MemoryEventStore) {
    for id in 0..3 {
        let model = ReadModel::<Sums, _>::new(store);
        let sums = model.get(&format!("c{id}")).await.expect("reads");
        let sums = sums.unwrap_or_default();
        assert!(sums.is_sorted(), "{sums:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_runner_waits_and_takes_over() {
    let store = filled(3).await;
    let (_first, first) = running(&store, 1);
    caught_up(&store, 3).await;
    let second = runner(&store, 1);
    let progress = second.progress();
    let (stop, second) = start(|stopped| tokio::spawn(second.run(async { drop(stopped.await) })));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(progress.phase(), Phase::Starting, "it waits");
    let claim = claim_of(&store, &LOG).await;
    assert_eq!(claim.epoch, 2, "the second has claimed nothing");

    first.abort();
    first.await.expect_err("is aborted");
    count(&store, 4..=4).await;
    caught_up(&store, 4).await;
    assert_eq!(sums(&store).await, [1, 2, 3, 4]);
    drop(stop);
    second.await.expect("no panic").expect("stops");
}

#[tokio::test(start_paused = true)]
async fn the_number_of_partitions_changes_while_runners_share_them() {
    let store = filled(30).await;
    let mut runners = vec![running(&store, 1)];
    caught_up(&store, 30).await;
    let mut written = 30;
    for number in [4, 2, 16, 1] {
        runners.push(running(&store, 7));
        count(&store, written + 1..=written + 30).await;
        written += 30;
        let made = store.repartition(Sums::NAME, number, "a test").await;
        assert_eq!(made.expect("changes the number"), number);
        count(&store, written + 1..=written + 30).await;
        written += 30;
        let (_stop, killed) = runners.remove(0);
        killed.abort();
        caught_up(&store, written).await;
        assert_eq!(sums(&store).await, Vec::from_iter(1..=written));
        in_order(&store).await;
    }
    for (stop, runner) in runners {
        drop(stop);
        runner.await.expect("no panic").expect("stops");
    }
    owners(&store, |owned, _| owned == 0).await;
}

/// Its member holds the lease, but never worked on it: the other one lacks it all the same.
#[tokio::test(start_paused = true)]
async fn a_lease_that_was_never_claimed_is_given_back() {
    let store = MemoryEventStore::default();
    let mut first = LogSource::new(&store, Sums::NAME, Vec::new()).partitions(2);
    let reader = first
        .assigned()
        .await
        .expect("assigns")
        .expect("a partition");
    let mut second = LogSource::new(&store, Sums::NAME, Vec::new());
    let other = tokio::select! {
        _ = first.assigned_forever() => unreachable!("it never ends"),
        other = second.assigned() => other.expect("assigns").expect("a partition"),
    };
    assert_ne!(other.partition(), reader.partition());
}

impl LogSource<MemoryEventStore> {
    /// Keeps what it is assigned until it is revoked, and works on nothing.
    async fn assigned_forever(&mut self) {
        let mut readers = Vec::new();
        loop {
            tokio::select! {
                reader = self.assigned() => readers.extend(reader.expect("assigns")),
                () = tokio::time::sleep(Duration::from_millis(100)) => {}
            }
            readers.retain(|reader| !reader.revoked());
        }
    }
}

/// Otherwise it would go from process to process, until none is left.
#[tokio::test(start_paused = true)]
async fn a_stopped_partition_stops_one_process_only() {
    let store = filled(9).await;
    let gate = Arc::new(AtomicU32::new(0));
    let faulty = || {
        let gate = Arc::clone(&gate);
        let poison = move |batch: &[RecordedEvent]| match gate.load(Ordering::SeqCst) {
            0 => Err(StoreError::new(StoreErrorKind::Unavailable, "not yet").into()),
            _ => Err(HandlerError::poison(batch[0].id, "planted")),
        };
        let runner = Runner::over_log::<role::Handler>(&store, Faulty(poison));
        let runner = runner.expect("a handler");
        runner.on_failure(|_| ErrorAction::Stop)
    };
    let first = tokio::spawn(faulty().run(std::future::pending()));
    owners(&store, |owned, _| owned == 1).await;
    let second = tokio::spawn(faulty().run(std::future::pending()));
    tokio::time::sleep(Duration::from_secs(10)).await;
    gate.store(1, Ordering::SeqCst);
    let error = first.await.expect("no panic").expect_err("stops");
    assert!(
        matches!(error.kind, RunnerErrorKind::Poison { .. }),
        "{error}"
    );
    tokio::time::sleep(Duration::from_secs(120)).await;
    assert!(!second.is_finished(), "the second has not tried it");
    let status = store.partitions(Sums::NAME).await.expect("reads").remove(0);
    assert!(
        status
            .stopped
            .is_some_and(|reason| reason.contains("planted"))
    );
    let third = faulty().run(std::future::pending()).await;
    third.expect_err("joined later, and tries it");
    second.abort();
}

/// A process that cannot work on a partition leaves it to one that can.
#[tokio::test(start_paused = true)]
async fn a_partition_that_keeps_failing_is_given_back() {
    let store = filled(9).await;
    let fails =
        |_: &[RecordedEvent]| Err(StoreError::new(StoreErrorKind::Unavailable, "planted").into());
    let failing = Runner::over_log::<role::Handler>(&store, Faulty(fails)).expect("a handler");
    let failing = tokio::spawn(failing.run(std::future::pending()));
    owners(&store, |owned, _| owned == 1).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    let epoch = claim_of(&store, &LOG).await.epoch;
    assert!(epoch > 60, "alone, it goes on trying: {epoch}");
    let able = running(&store, 1);
    caught_up(&store, 9).await;
    assert_eq!(sums(&store).await, Vec::from_iter(1..=9));
    failing.abort();
    drop(able);
}

/// New events of a part would be passed over, if only the partition's own place were verified.
#[tokio::test(start_paused = true)]
async fn a_log_that_was_replaced_behind_a_part_that_is_ahead_is_an_error() {
    let store = filled(20).await;
    store.subscribe(Sums::NAME, 2).await.expect("subscribes");
    let part = PartitionId::Log(Slices::part(0, 2));
    let claim = store.claim(Sums::NAME, &part, None).await;
    let claim = claim.expect("claims").expect("it is there");
    let mut transaction = store.begin().await.expect("begins");
    let elsewhere = Checkpoint::after(Position::new(20), crate::model::EventId::random());
    store
        .advance_in(
            &mut transaction,
            Sums::NAME,
            &part,
            claim.epoch,
            None,
            elsewhere,
        )
        .await
        .expect("advances");
    store.commit(transaction).await.expect("commits");
    let made = store.repartition(Sums::NAME, 1, "a test").await;
    assert_eq!(made.expect("joins them"), 1);
    let error = runner(&store, 1).run(std::future::pending()).await;
    let error = error.expect_err("stops");
    assert!(
        matches!(
            &error.kind,
            RunnerErrorKind::Source(SourceError::LogReplaced { .. })
        ),
        "{error}"
    );
}

/// Its owner wakes after its lease, in the middle of a batch.
#[tokio::test(start_paused = true)]
async fn an_owner_that_was_overtaken_claims_nothing() {
    let store = filled(3).await;
    store.subscribe(Sums::NAME, 1).await.expect("subscribes");
    let stopped = Member::this_process(crate::ports::Leases::lease_times(&store));
    let told = store.heartbeat(Sums::NAME, &stopped, &[]).await;
    assert_eq!(told.expect("joins").leased.len(), 1);
    let claim = store.claim(Sums::NAME, &LOG, Some(stopped.id)).await;
    let claim = claim.expect("claims").expect("is its own");
    let mut batch = store.begin().await.expect("begins");
    let to = Checkpoint::new(Offset::new(1), None);
    store
        .advance_in(&mut batch, Sums::NAME, &LOG, claim.epoch, claim.at, to)
        .await
        .expect("advances");
    let successor = running(&store, 1);
    caught_up(&store, 3).await;
    let stale = store.commit(batch).await;
    assert!(matches!(stale, Err(CommitError::Fenced(_))), "{stale:?}");
    let again = store.claim(Sums::NAME, &LOG, Some(stopped.id)).await;
    assert_eq!(again.expect("asks"), None);
    assert_eq!(sums(&store).await, [1, 2, 3]);
    drop(successor);
}
