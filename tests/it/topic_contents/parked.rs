//! Events of a topic that cannot be handled wait in the consumer's store, and a redrive from there is in order.

use std::sync::atomic::{AtomicBool, Ordering};

use cqrs_core::{
    ports::{HealthLimits, Inspect, ParkedKey},
    read::{ErrorAction, ParkedKeys},
};
use tokio::sync::oneshot;

use super::{
    skipped::{Place, Task, Texts, note},
    *,
};

/// A note of a stream, as another producer sends it.
fn of(stream: &str, text: &str) -> Record {
    note(text).with("ce_id", text).with("ce_subject", stream)
}

/// Panics at the text `bad` until it is corrected.
fn panics_until(corrected: &Arc<AtomicBool>) -> Task {
    let corrected = Arc::clone(corrected);
    Arc::new(move |text| {
        let is_bad = text == "bad" && !corrected.load(Ordering::Acquire);
        assert!(!is_bad, "planted");
    })
}

async fn settled(place: &Place, keys: usize) -> Vec<ParkedKey> {
    eventually("the keys settle", async || {
        let parked = place.store.parked(Texts::NAME).await.expect("reads");
        parked.len() == keys && parked.iter().all(|parked| parked.requested.is_none())
    })
    .await;
    place.store.parked(Texts::NAME).await.expect("reads")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_redriven_from_the_store() {
    let place = Place::new().await;
    let plain = Sent::Plainly;
    let records = vec![of("a", "1"), of("b", "2"), of("a", "bad"), of("b", "3")];
    place.send(plain, records).await;
    // With every part of a record, and the id of the one before.
    let odd = of("a", "4")
        .with("ce_id", "bad")
        .and("app_bytes", [0, 0xff]);
    place
        .send(plain, vec![odd, of("b", "5"), of("a", "6")])
        .await;

    let corrected = Arc::new(AtomicBool::new(false));
    let run = async || {
        let runner = place.parking_runner(panics_until(&corrected));
        runner.catch_up().await.expect("catches up");
    };
    run().await;
    assert_eq!(place.texts().await, ["1", "2", "3", "5"]);
    let [found] = settled(&place, 1).await.try_into().expect("one");
    assert_eq!(found.event.stream.id(), "a");
    assert_eq!(found.event.offset, Some(Offset::new(2)));
    assert_eq!(place.store.waiting(&found).await.expect("counts"), 3);

    // Another start knows what is parked.
    place.send(plain, vec![of("a", "7"), of("b", "8")]).await;
    run().await;
    assert_eq!(place.texts().await, ["1", "2", "3", "5", "8"]);

    corrected.store(true, Ordering::Release);
    let runner = place.parking_runner(panics_until(&corrected));
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(runner.run(async { drop(stopped.await) }));
    let parked = ParkedKeys::new(&place.store, Texts::NAME);
    assert!(parked.redrive_key(&found, "corrected").await.expect("asks"));
    settled(&place, 0).await;
    let all = ["1", "2", "3", "5", "8", "bad", "4", "6", "7"];
    assert_eq!(place.texts().await, all);
    place.send(plain, vec![of("a", "9")]).await;
    eventually("the next one is handled", async || {
        place.texts().await.last().is_some_and(|text| text == "9")
    })
    .await;
    drop(stop);
    running.await.expect("no panic").expect("runs");
}

/// The one behind it has the same id: it is handled.
#[tokio::test(flavor = "multi_thread")]
async fn a_discard_takes_one_record() {
    let place = Place::new().await;
    let again = of("a", "good").with("ce_id", "bad");
    place.send(Sent::Plainly, vec![of("a", "bad"), again]).await;
    let never = Arc::new(AtomicBool::new(false));
    let runner = place.parking_runner(panics_until(&never));
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(runner.run(async { drop(stopped.await) }));
    let [found] = settled(&place, 1).await.try_into().expect("one");
    eventually("both wait", async || {
        place.store.waiting(&found).await.expect("counts") == 2
    })
    .await;
    let parked = ParkedKeys::new(&place.store, Texts::NAME);
    let asked = parked.discard(&found, "a test wrote it").await;
    assert!(asked.expect("asks"));
    settled(&place, 0).await;
    assert_eq!(place.texts().await, ["good"]);
    let discarded = place.store.discarded(Texts::NAME).await.expect("reads");
    let [discarded] = discarded.try_into().expect("one");
    let record = discarded.record.expect("it is kept");
    assert_eq!(record.value.as_deref(), Some(&br#"{"text":"bad"}"#[..]));
    drop(stop);
    running.await.expect("no panic").expect("runs");
}

/// Each keeps its key or itself back, over starts of the runner, until it is discarded.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_no_event_waits_in_the_store() {
    let place = Place::new().await;
    let plain = Sent::Plainly;
    let damaged = of("a", "2").with("ce_specversion", [0xff, 0]);
    let records = vec![of("a", "1"), damaged.clone(), of("b", "3")];
    place.send(plain, records).await;
    let records = vec![of("a", "4"), Record::default(), of("b", "5")];
    place.send(plain, records).await;
    let run = async || {
        let runner = place.parking_runner(Arc::new(|_| {}));
        runner.catch_up().await.expect("catches up");
    };
    run().await;
    assert_eq!(place.texts().await, ["1", "3", "5"]);
    place.send(plain, vec![damaged, of("a", "6")]).await;
    run().await;
    assert_eq!(place.texts().await, ["1", "3", "5"]);

    let found = settled(&place, 2).await;
    let keys = Vec::from_iter(found.iter().map(|parked| parked.key.to_string()));
    assert_eq!(keys, ["note-a", "record 0/4"]);
    let waits = async |found: &ParkedKey| place.store.waiting(found).await.expect("counts");
    assert_eq!((waits(&found[0]).await, waits(&found[1]).await), (4, 1));
    assert!(found[0].reason.contains("ce_specversion"), "{}", found[0]);
    assert!(found[1].reason.contains("tombstone"), "{}", found[1]);
    let health = place.store.health(&HealthLimits::default()).await;
    let health = health.expect("reads").to_string();
    assert!(health.contains("tombstone"), "{health}");

    let runner = place.parking_runner(Arc::new(|_| {}));
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(runner.run(async { drop(stopped.await) }));
    let parked = ParkedKeys::new(&place.store, Texts::NAME);
    // The same code cannot decode it still.
    let asked = parked.redrive_key(&found[0], "a try").await;
    assert!(asked.expect("asks"));
    eventually("it was tried", async || {
        let found = place.store.parked(Texts::NAME).await.expect("reads");
        found[0].attempts == 2
    })
    .await;
    let mut left = settled(&place, 2).await;
    assert_eq!(left[0].key, found[0].key);
    while let Some(front) = left.first() {
        let asked = parked.discard(front, "the bug of March").await;
        asked.expect("asks");
        eventually("it is discarded", async || {
            let all = place.store.parked(Texts::NAME).await.expect("reads");
            let is_same = |parked: &ParkedKey| parked.event == front.event;
            all.iter()
                .all(|parked| parked.requested.is_none() && !is_same(parked))
        })
        .await;
        left = place.store.parked(Texts::NAME).await.expect("reads");
    }
    assert_eq!(place.texts().await, ["1", "3", "5", "4", "6"]);
    let discarded = place.store.discarded(Texts::NAME).await.expect("reads");
    let kept = discarded.iter().map(|discarded| {
        let record = discarded.record.as_ref().expect("it is kept");
        (record.offset.get(), discarded.event.is_none())
    });
    assert_eq!(Vec::from_iter(kept), [(1, true), (4, true), (6, true)]);
    let operations = place.operations().await;
    assert_eq!(operations.len(), 3);
    drop(stop);
    running.await.expect("no panic").expect("runs");
}

/// The reason quotes a header, with bytes that no text of a store may have.
#[tokio::test(flavor = "multi_thread")]
async fn a_skipped_record_is_recorded_whatever_its_headers_hold() {
    let place = Place::new().await;
    let damaged = of("a", "1").with("ce_specversion", [0xff, 0]);
    place.send(Sent::Plainly, vec![damaged, of("a", "2")]).await;
    let runner = place.parking_runner(Arc::new(|_| {}));
    let runner = runner.on_failure(|_| ErrorAction::Skip);
    runner.catch_up().await.expect("catches up");
    assert_eq!(place.texts().await, ["2"]);
    let discarded = place.store.discarded(Texts::NAME).await.expect("reads");
    let [discarded] = discarded.try_into().expect("one");
    assert!(discarded.reason.contains("ce_specversion"), "{discarded}");
    assert_eq!(discarded.record.expect("it is kept").offset.get(), 0);
    assert_eq!(place.operations().await.len(), 1);
}
