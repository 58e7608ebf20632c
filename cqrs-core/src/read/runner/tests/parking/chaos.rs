//! Poison that comes and goes, two askers, lost answers, partitions whose number changes, and runners that are dropped and that lose
//! their leases in the middle of their work.

use super::{
    super::hooked::{Call, Hooked},
    *,
};
use crate::{model::LeaseTimes, ports::Parking};

const EVENTS: u64 = 60;

/// Runs until it is dropped, somewhere. A late heartbeat costs it its lease.
async fn worker(store: MemoryEventStore, bad: Bad) {
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
        let runner = runner(&hooked, bad.view()).batch_size(fastrand::usize(1..8));
        let retry = RetryPolicy::ALWAYS.attempts(2);
        let running = runner.retry(retry).run(std::future::pending());
        let killed = Duration::from_millis(fastrand::u64(1..400));
        drop(tokio::time::timeout(killed, running).await);
    }
}

/// Redrives and discards at random. Keeps the positions that it has seen taken for discard.
async fn asker(store: MemoryEventStore, discards: bool) {
    loop {
        let parked = ParkedKeys::new(&store, Sums::NAME);
        let all = parked.all().await.expect("reads");
        if let Some(one) = fastrand::choice(&all) {
            if discards && fastrand::u8(0..6) == 0 {
                parked.discard(one, "chaos").await.expect("asks");
            } else {
                parked.redrive_key(one, "chaos").await.expect("asks");
            }
        }
        tokio::time::sleep(Duration::from_millis(fastrand::u64(1..60))).await;
    }
}

/// Changes the number of partitions.
async fn repartitioner(store: MemoryEventStore) {
    loop {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(1..150))).await;
        let number = fastrand::u16(1..6);
        // Before the first start there is no subscription, and in the middle of a start its partitions have not all begun.
        drop(store.repartition(Sums::NAME, number, "chaos").await);
    }
}

#[tokio::test(start_paused = true)]
async fn each_key_is_in_order_and_nothing_is_lost_or_doubled() {
    let (mut parked_once, mut discarded_once) = (0, 0);
    for seed in 0..30 {
        fastrand::seed(seed);
        let times = LeaseTimes::new(Duration::from_millis(40), Duration::from_millis(10));
        let store = MemoryEventStore::default().leases(times);
        let bad = Bad::default();
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(worker(store.clone(), bad.clone()));
        tasks.spawn(worker(store.clone(), bad.clone()));
        tasks.spawn(repartitioner(store.clone()));
        tasks.spawn(asker(store.clone(), true));
        tasks.spawn(asker(store.clone(), false));
        for number in 1..=EVENTS {
            count(&store, number..=number).await;
            if fastrand::u8(0..3) == 0 {
                let some = std::iter::repeat_with(|| fastrand::u64(1..=EVENTS));
                bad.set(some.take(8));
            }
            tokio::time::sleep(Duration::from_millis(fastrand::u64(0..30))).await;
            parked_once += store.parked(Sums::NAME).await.expect("reads").len();
        }
        bad.set([]);
        caught_up(&store, EVENTS).await;
        while !all(&store).await.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tasks.shutdown().await;

        let discarded = store.discarded(Sums::NAME).await.expect("reads");
        let events = discarded.iter().filter_map(|one| one.event.as_ref());
        let mut without = Vec::from_iter(events.map(|event| event.position.get()));
        without.sort_unstable();
        let all = without.len();
        without.dedup();
        assert_eq!(all, without.len(), "seed {seed}: discarded once");
        let handled = counters(&store).await;
        assert_eq!(handled, expected(EVENTS, &without), "seed {seed}");
        discarded_once += without.len();
    }
    assert!(parked_once > 100 && discarded_once > 10, "it was chaos");
}
