//! Records of a topic that are no events: each parks its key, or itself.

use super::{
    topics::{Topic, consumer, partition, reached},
    *,
};
use crate::{
    model::{FailureKind, Offset, chain},
    ports::{Discards, SourceError, TopicRecord},
    read::runner::RunnerErrorKind,
};

/// A topic with `count` numbers, in which these offsets hold no event; some of them have no key either.
async fn damaged(count: u64, unreadable: &[u64], without_key: &[u64]) -> Topic {
    let topic = Topic::with(count).await;
    set(&topic, unreadable);
    *topic.without_key.lock().expect("no panic") = without_key.iter().copied().collect();
    topic
}

/// From now on these offsets hold no event.
fn set(topic: &Topic, unreadable: &[u64]) {
    *topic.unreadable.lock().expect("no panic") = unreadable.iter().copied().collect();
}

async fn redrive(store: &MemoryEventStore, found: &ParkedKey) {
    let asked = parked(store).redrive_key(found, "repaired").await;
    assert!(asked.expect("asks"));
}

async fn waiting(store: &MemoryEventStore, found: &ParkedKey) -> u64 {
    store.waiting(found).await.expect("counts")
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_no_event_parks_its_key() {
    let (store, bad) = (MemoryEventStore::default(), Bad::default());
    // Numbers 7, 13 and 22 of c1.
    let topic = damaged(30, &[6, 12, 21], &[]).await;
    let running = Running::start(consumer(&store, &topic, &bad));
    reached(&store, 30).await;
    let waits = Vec::from_iter((7..=30).filter(|number| number % 3 == 1));
    assert_eq!(counters(&store).await, expected(30, &waits));
    let [found] = settled(&store, 1).await.try_into().expect("one");
    assert_eq!((found.key.clone(), found.attempts), (key("c1"), 1));
    assert_eq!(found.failure, FailureKind::Undecodable);
    assert_eq!(found.event.event_type, TopicRecord::NOT_AN_EVENT);
    assert_eq!(found.event.offset, Some(Offset::new(6)));
    assert_eq!(Some(&found.event.stream), found.key.stream());
    assert_eq!(found.reason, "its version byte is \u{fffd}");
    assert_eq!(waiting(&store, &found).await, 8);
    assert_eq!(running.progress.partitions()[&partition()].parked_keys, 1);

    // The decoder is corrected in part: the events before the next damaged record are handled.
    topic.lose_all();
    set(&topic, &[21]);
    redrive(&store, &found).await;
    let found = loop {
        let [found] = settled(&store, 1).await.try_into().expect("one");
        if found.event.offset == Some(Offset::new(21)) {
            break found;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    assert_eq!(found.event.event_type, TopicRecord::NOT_AN_EVENT);
    assert_eq!(found.key, key("c1"));
    let waits = Vec::from_iter((22..=30).filter(|number| number % 3 == 1));
    assert_eq!(counters(&store).await, expected(30, &waits));
    set(&topic, &[]);
    redrive(&store, &found).await;
    settled(&store, 0).await;
    topic.add(40).await;
    reached(&store, 40).await;
    assert_eq!(counters(&store).await, expected(40, &[]));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_record_without_a_key_parks_itself() {
    let (store, bad) = (MemoryEventStore::default(), Bad::default());
    let topic = damaged(20, &[0, 6, 7], &[0, 6, 7]).await;
    let running = Running::start(consumer(&store, &topic, &bad));
    reached(&store, 20).await;
    assert_eq!(counters(&store).await, expected(20, &[1, 7, 8]));
    let found = settled(&store, 3).await;
    let keys = found.iter().map(|parked| parked.key.to_string());
    assert_eq!(
        Vec::from_iter(keys),
        ["record 3/0", "record 3/6", "record 3/7"]
    );
    let first = found[0].clone();
    assert_eq!(waiting(&store, &first).await, 1);
    let asked = parked(&store).discard(&first, "sent by a scanner").await;
    assert!(asked.expect("asks"));
    settled(&store, 2).await;
    let [discarded] = store
        .discarded(Sums::NAME)
        .await
        .expect("reads")
        .try_into()
        .expect("one");
    assert_eq!(discarded.event, None);
    assert_eq!(discarded.reason, "sent by a scanner");
    let record = discarded.record.expect("it is kept");
    assert_eq!(record.offset, Offset::new(0));
    set(&topic, &[]);
    for found in settled(&store, 2).await {
        redrive(&store, &found).await;
    }
    settled(&store, 0).await;
    let mut handled = Vec::from_iter(counters(&store).await.into_values().flatten());
    handled.sort_unstable();
    assert_eq!(handled, Vec::from_iter(2..=20));
    running.stop().await;
}

/// The key of a damaged record is parked already: the record waits behind, and one that is handled later waits for it.
#[tokio::test(start_paused = true)]
async fn a_record_that_is_no_event_waits_behind_its_key() {
    let (store, bad) = (MemoryEventStore::default(), Bad::new([4]));
    let topic = damaged(20, &[6, 8], &[]).await;
    let running = Running::start(consumer(&store, &topic, &bad));
    reached(&store, 20).await;
    let found = settled(&store, 2).await;
    let c1 = found.iter().find(|parked| parked.key == key("c1"));
    let c1 = c1.expect("it is parked").clone();
    assert_eq!(waiting(&store, &c1).await, 6);
    // The event in front is passed over; the damaged record comes to the front.
    let asked = parked(&store).discard(&c1, "a test wrote it").await;
    assert!(asked.expect("asks"));
    let found = loop {
        let found = settled(&store, 2).await;
        let c1 = found.iter().find(|parked| parked.key == key("c1"));
        let c1 = c1.expect("it is parked").clone();
        if c1.event.offset == Some(Offset::new(6)) && c1.reason == "its version byte is \u{fffd}" {
            break found;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    };
    set(&topic, &[]);
    for found in found {
        redrive(&store, &found).await;
    }
    settled(&store, 0).await;
    assert_eq!(counters(&store).await, expected(20, &[4]));
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn skip_and_stop_take_a_record_that_is_no_event() {
    let bad = Bad::default();
    for (at, without_key) in [(7, &[7][..]), (0, &[])] {
        let topic = damaged(20, &[at], without_key).await;
        let store = MemoryEventStore::default();
        let stops = consumer(&store, &topic, &bad).on_failure(|failure| {
            assert_eq!(&*failure.event.event_type, TopicRecord::NOT_AN_EVENT);
            ErrorAction::Stop
        });
        let ended = stops.run(std::future::pending()).await;
        let ended = ended.expect_err("stops");
        let RunnerErrorKind::Source(SourceError::Malformed { offset, reason, .. }) = &ended.kind
        else {
            panic!("{}", chain(&ended))
        };
        assert_eq!(*offset, Offset::new(at));
        assert_eq!(reason.to_string(), "its version byte is \0");
        assert_eq!(counters(&store).await, expected(at, &[]));

        let skips = consumer(&store, &topic, &bad).on_failure(|_| ErrorAction::Skip);
        let running = Running::start(skips);
        reached(&store, 20).await;
        running.stop().await;
        assert_eq!(counters(&store).await, expected(20, &[at + 1]));
        let [discarded] = store
            .discarded(Sums::NAME)
            .await
            .expect("reads")
            .try_into()
            .expect("one");
        assert_eq!(discarded.event, None);
        // Every store can keep it.
        let reason = "undecodable: its version byte is \u{fffd}";
        assert_eq!(discarded.reason, reason);
        let record = discarded.record.expect("it is kept");
        assert_eq!(record.offset, Offset::new(at));
        assert_eq!(all(&store).await, []);
    }
}

/// Its lane and position were unknown when it was read. The redrive notes them, so that a rewind brings it as a repeat.
#[tokio::test(start_paused = true)]
async fn a_repaired_record_is_not_handled_again_after_a_rewind() {
    let (store, bad) = (MemoryEventStore::default(), Bad::default());
    let topic = damaged(20, &[19], &[]).await;
    let running = Running::start(consumer(&store, &topic, &bad));
    reached(&store, 20).await;
    let [found] = settled(&store, 1).await.try_into().expect("one");
    set(&topic, &[]);
    redrive(&store, &found).await;
    settled(&store, 0).await;
    running.stop().await;
    let rewound = consumer(&store, &topic, &bad).rewind("a test").await;
    rewound.expect("rewinds");
    let running = Running::start(consumer(&store, &topic, &bad));
    reached(&store, 20).await;
    running.stop().await;
    assert_eq!(counters(&store).await, expected(20, &[]));
}

/// The same before its redrive: it waits once.
#[tokio::test(start_paused = true)]
async fn a_repaired_record_waits_once_after_a_rewind() {
    let (store, bad) = (MemoryEventStore::default(), Bad::default());
    let topic = damaged(20, &[19], &[]).await;
    for _ in 0..2 {
        let running = Running::start(consumer(&store, &topic, &bad));
        reached(&store, 20).await;
        running.stop().await;
        set(&topic, &[]);
        let rewound = consumer(&store, &topic, &bad).rewind("a test").await;
        rewound.expect("rewinds");
    }
    let running = Running::start(consumer(&store, &topic, &bad));
    reached(&store, 20).await;
    let [found] = settled(&store, 1).await.try_into().expect("one");
    assert_eq!(waiting(&store, &found).await, 1);
    redrive(&store, &found).await;
    settled(&store, 0).await;
    running.stop().await;
    assert_eq!(counters(&store).await, expected(20, &[]));
}

/// Damaged records and events that fail, anywhere and beside each other: when all are repaired, each key was handled in order and once.
#[tokio::test(start_paused = true)]
async fn each_key_is_in_order_wherever_records_are_damaged() {
    for seed in 0..60_u64 {
        let picks = |salt: u64, one_in: u64| {
            let hash = |n: u64| (n + seed * 1_000 + salt).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
            Vec::from_iter((0..30).filter(move |n| hash(*n).is_multiple_of(one_in)))
        };
        let (store, topic) = (MemoryEventStore::default(), Topic::with(30).await);
        set(&topic, &picks(1, 2 + seed % 7));
        let bad = Bad::new(picks(500, 3 + seed % 11));
        let running = Running::start(consumer(&store, &topic, &bad));
        reached(&store, 30).await;
        set(&topic, &[]);
        bad.set([]);
        let mut left = all(&store).await;
        while !left.is_empty() {
            for found in &left {
                let asked = parked(&store).redrive_key(found, "repaired").await;
                asked.expect("asks");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            left = all(&store).await;
        }
        running.stop().await;
        assert_eq!(counters(&store).await, expected(30, &[]), "seed {seed}");
    }
}
