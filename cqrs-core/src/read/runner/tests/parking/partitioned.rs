//! A handler whose ordering key spans two categories, in several partitions: each key is in one of them.

use super::{
    super::hooked::{Call, Hooked},
    *,
};
use crate::{
    model::{LeaseTimes, PartitionedBy},
    ports::LogQuery,
    read::handler::role,
};

const KEYS: usize = 300;

/// A process by the number in the ids, over the categories `order` and `payment`. Keeps the positions that it has handled by key.
#[derive(Clone)]
struct Processes {
    bad: Bad,
    by: PartitionedBy,
}

fn key_of(event: &RecordedEvent) -> OrderingKey {
    let (process, _) = event.stream.id().split_once('/').expect("a process");
    OrderingKey::named(process).expect("valid")
}

#[async_trait]
impl<S: Documents> Handler<S> for Processes {
    fn subscription(&self) -> &str {
        Sums::NAME
    }
    fn reads(&self) -> Result<Vec<EventFilter>, CodecError> {
        let categories = ["order", "payment"];
        Ok(categories.map(|name| EventFilter::new(name, &[])).into())
    }
    fn ordering_key(&self, event: &RecordedEvent) -> OrderingKey {
        key_of(event)
    }
    fn partitioned_by(&self) -> PartitionedBy {
        self.by
    }
    async fn handle(
        &self,
        store: &S,
        transaction: &mut S::Transaction,
        batch: &[RecordedEvent],
    ) -> Result<(), HandlerError> {
        if let Some(event) = self.bad.first(batch) {
            return Err(HandlerError::poison(event, "planted"));
        }
        let mut new = BTreeMap::<_, Vec<u64>>::new();
        for event in batch {
            let of_key = new.entry(key_of(event).to_string()).or_default();
            of_key.push(event.position.get());
        }
        let keys = Vec::from_iter(new.keys().cloned());
        let found = store.load_in(transaction, Sums::NAME, &keys).await?;
        let mut writes = Vec::new();
        for (key, positions) in new {
            let document = found.get(&key);
            let before = document.map(|found| decode_document(Sums::NAME, &key, &found.body));
            let mut all: Vec<u64> = before.transpose()?.unwrap_or_default();
            all.extend(positions);
            writes.push(DocumentWrite {
                version: document.map_or(0, |document| document.version),
                body: Some(serde_json::to_vec(&all).expect("numbers")),
                key,
            });
        }
        store.save_in(transaction, Sums::NAME, &writes).await?;
        Ok(())
    }
}

/// Appends an event of a process, to one of three streams of two categories.
async fn append(store: &MemoryEventStore, number: usize) {
    let process = number % KEYS;
    let (category, stream) = match number / KEYS % 3 {
        0 => ("order", 1),
        1 => ("payment", 1),
        _ => ("payment", 2),
    };
    super::keys::append(store, category, &format!("p{process}/{stream}")).await;
}

/// The positions of each key's events, in their order.
async fn expected(store: &MemoryEventStore) -> BTreeMap<String, Vec<u64>> {
    let query = LogQuery::new(Position::START, 100_000);
    let log = store.read_log(query).await.expect("reads").events;
    let mut expected = BTreeMap::<_, Vec<_>>::new();
    for event in log {
        let key = key_of(&event).to_string();
        expected.entry(key).or_default().push(event.position.get());
    }
    expected
}

/// Runs until it is dropped, somewhere. A late heartbeat costs it its lease.
async fn worker(store: MemoryEventStore, processes: Processes) {
    loop {
        let hooked = Hooked::new(&store, |call| async move {
            let is_late = call == Call::BeforeHeartbeat && fastrand::u8(0..8) == 0;
            let most = if is_late { 80 } else { 4 };
            tokio::time::sleep(Duration::from_millis(fastrand::u64(0..most))).await;
            let loses = call == Call::AfterCommit && fastrand::u8(0..8) == 0;
            match loses {
                true => Err(StoreError::new(StoreErrorKind::OutcomeUnknown, "planted")),
                false => Ok(()),
            }
        });
        let runner = Runner::over_log::<role::Handler>(&hooked, processes.clone());
        let runner = runner.expect("a handler").partitions(4);
        let runner = runner
            .batch_size(fastrand::usize(1..40))
            .park_at_most(1_000);
        let retry = RetryPolicy::ALWAYS.attempts(2);
        let running = runner.retry(retry).run(std::future::pending());
        let killed = Duration::from_millis(fastrand::u64(1..400));
        drop(tokio::time::timeout(killed, running).await);
    }
}

/// Changes the number of partitions, also while keys are parked.
async fn repartitioner(store: MemoryEventStore) {
    loop {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(1..150))).await;
        // Before the first start there is no subscription, and in the middle of a start its partitions have not all begun.
        drop(
            store
                .repartition(Sums::NAME, fastrand::u16(1..9), "chaos")
                .await,
        );
    }
}

/// Redrives at random.
async fn asker(store: MemoryEventStore) {
    loop {
        let parked = ParkedKeys::new(&store, Sums::NAME);
        if let Some(one) = fastrand::choice(&all(&store).await) {
            parked.redrive_key(one, "chaos").await.expect("asks");
        }
        tokio::time::sleep(Duration::from_millis(fastrand::u64(1..30))).await;
    }
}

async fn handled(store: &MemoryEventStore) -> BTreeMap<String, Vec<u64>> {
    let documents = store.documents(Sums::NAME, &KeyRange::all(), 1_000).await;
    let read = |(key, document): (String, Document)| {
        let numbers = decode_document(Sums::NAME, &key, &document.body).expect("reads");
        (key, numbers)
    };
    documents.expect("reads").into_iter().map(read).collect()
}

#[tokio::test(start_paused = true)]
async fn each_key_of_two_categories_is_handled_in_order_of_position() {
    let mut seen_parked = 0;
    for seed in 0..5 {
        fastrand::seed(seed);
        let times = LeaseTimes::new(Duration::from_millis(40), Duration::from_millis(10));
        let store = MemoryEventStore::default().leases(times);
        let processes = Processes {
            bad: Bad::default(),
            by: PartitionedBy::OrderingKey,
        };
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..3 {
            tasks.spawn(worker(store.clone(), processes.clone()));
        }
        tasks.spawn(repartitioner(store.clone()));
        tasks.spawn(asker(store.clone()));
        let events = 4 * KEYS;
        for number in 0..events {
            append(&store, number).await;
            if number % 30 == 0 {
                let some = std::iter::repeat_with(|| fastrand::u64(1..=number as u64 + 30));
                processes.bad.set(some.take(8));
                tokio::time::sleep(Duration::from_millis(fastrand::u64(0..60))).await;
                seen_parked += all(&store).await.len();
            }
        }
        processes.bad.set([]);
        caught_up(&store, events as u64).await;
        while !all(&store).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tasks.shutdown().await;
        assert_eq!(handled(&store).await, expected(&store).await, "seed {seed}");
    }
    assert!(seen_parked > 0, "it was chaos");
}

/// Two partitions by stream handle the events of a key in any order; the same two by key in the order of their positions.
#[tokio::test(start_paused = true)]
async fn events_of_a_key_are_in_two_partitions_by_stream_and_in_one_by_key() {
    for (by, in_order) in [
        (PartitionedBy::Stream, false),
        (PartitionedBy::OrderingKey, true),
    ] {
        let store = MemoryEventStore::default();
        for number in 0..3 * KEYS {
            append(&store, number).await;
        }
        let processes = Processes {
            bad: Bad::default(),
            by,
        };
        let running = Running::start(runner(&store, processes).partitions(4));
        caught_up(&store, 3 * KEYS as u64).await;
        running.stop().await;
        assert_eq!(
            handled(&store).await == expected(&store).await,
            in_order,
            "{by}"
        );
    }
}

/// Another partitioning is refused where some events would be lost and others doubled, and accepted after a reset.
#[tokio::test(start_paused = true)]
async fn another_partitioning_is_refused_until_a_reset() {
    let store = MemoryEventStore::default();
    for number in 0..10 {
        append(&store, number).await;
    }
    let start = |by| {
        let bad = Bad::default();
        runner(&store, Processes { bad, by }).partitions(4)
    };
    let running = Running::start(start(PartitionedBy::Stream));
    caught_up(&store, 10).await;
    running.stop().await;
    let error = start(PartitionedBy::OrderingKey)
        .run(std::future::pending())
        .await;
    let error = error.expect_err("is refused");
    assert!(
        matches!(&error.kind, RunnerErrorKind::OtherPartitioning { recorded, by, .. }
            if *recorded == PartitionedBy::Stream && *by == PartitionedBy::OrderingKey),
        "{error}"
    );
    let by_key = start(PartitionedBy::OrderingKey);
    append(&store, 10).await;
    let handled_one = start(PartitionedBy::Stream).batch_size(1);
    let running = Running::start(handled_one);
    caught_up(&store, 11).await;
    running.stop().await;
    let mut transaction = store.begin().await.expect("begins");
    let reset = store.reset_in(&mut transaction, Sums::NAME, "again").await;
    reset.expect("resets");
    store.commit(transaction).await.expect("commits");
    by_key
        .accept_selection("another key")
        .await
        .expect("is at one place");
    let running = Running::start(start(PartitionedBy::OrderingKey));
    caught_up(&store, 11).await;
    running.stop().await;
}
