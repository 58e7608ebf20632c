//! Parking, and the number of partitions: a stream whose slice is ahead of its partition, and keys that are no stream.

use super::{interleavings::Steps, keys::Processes, *};
use crate::ports::{Partitions as _, RepartitionError};

/// The number of events.
const LAST: u64 = 8;

fn half(index: u16) -> PartitionId {
    PartitionId::Log(Slices::part(index, 2))
}

/// An id whose stream is in this half of the slices.
fn id_in(index: u16) -> String {
    let ids = (0..).map(|number| format!("c{number}"));
    let is_in = |id: &String| {
        let stream = StreamId::of::<Counted>(id).expect("valid");
        Slices::part(index, 2).contains(stream.slice())
    };
    ids.into_iter().find(is_in).expect("there are many")
}

/// Of two streams with the odd and the even numbers up to 8, the first is parked at 1, and its half was read up to 8; the other half was
/// read up to 2 only. Then the halves are joined, at 2.
async fn with_a_parked_stream_ahead() -> (MemoryEventStore, String, String) {
    let store = MemoryEventStore::default();
    let (odd, even) = (id_in(0), id_in(1));
    let counters = store.repository::<Counter>();
    for number in 1..=LAST {
        let id = if number % 2 == 1 { &odd } else { &even };
        counters
            .execute(id.clone(), number)
            .await
            .expect("executes");
    }
    store.subscribe(Sums::NAME, 2).await.expect("subscribes");
    let steps = Steps(store.clone());
    steps.park(&half(0), 1).await;
    steps.batch_of(&half(0), LAST, &[key(&odd)]).await;
    steps.batch_of(&half(1), 2, &[]).await;
    let made = store.repartition(Sums::NAME, 1, "a test").await;
    assert_eq!(made.expect("joins them"), 1);
    (store, odd, even)
}

fn sequence(from: u64) -> Vec<u64> {
    (from..=LAST).step_by(2).collect()
}

/// What was read of the stream beyond the partition's own place does not come again.
#[tokio::test(start_paused = true)]
async fn a_redrive_in_a_slice_that_is_ahead_goes_to_its_own_place() {
    let (store, odd, even) = with_a_parked_stream_ahead().await;
    let [front] = all(&store).await.try_into().expect("one");
    assert_eq!(store.waiting(&front).await.expect("counts"), 4);
    // Up to the place of the row.
    Steps(store.clone()).redrive_from_outside(&odd).await;
    let running = Running::start(runner(&store, Bad::default().view()));
    caught_up(&store, LAST).await;
    running.stop().await;
    let handled = counters(&store).await;
    assert_eq!(handled[&odd], [1], "3, 5 and 7 are lost");
    assert_eq!(handled[&even], sequence(2));

    // Before the first batch, in the middle, and when the partition is where the slice was.
    for asked_at in [2, 5, LAST] {
        let (store, odd, even) = with_a_parked_stream_ahead().await;
        if asked_at > 2 {
            let steps = Steps(store.clone());
            let ahead = [key(&odd)];
            let claim = steps.claim().await;
            steps.batch(&claim, asked_at, &ahead).await;
        }
        let [front] = all(&store).await.try_into().expect("one");
        let asked = parked(&store).redrive_key(&front, "repaired").await;
        assert!(asked.expect("asks"));
        let running = Running::start(runner(&store, Bad::default().view()));
        settled(&store, 0).await;
        caught_up(&store, LAST).await;
        let counter = store.repository::<Counter>();
        counter.execute(odd.clone(), 9).await.expect("executes");
        caught_up(&store, LAST + 1).await;
        running.stop().await;
        let handled = counters(&store).await;
        assert_eq!(handled[&odd], [1, 3, 5, 7, 9], "asked at {asked_at}");
        assert_eq!(handled[&even], sequence(2), "asked at {asked_at}");
    }
}

/// It waits once: what is ahead is passed over, and what comes behind it is held back.
#[tokio::test(start_paused = true)]
async fn a_parked_stream_that_is_ahead_waits_as_a_whole() {
    let (store, odd, even) = with_a_parked_stream_ahead().await;
    let running = Running::start(runner(&store, Bad::default().view()));
    caught_up(&store, LAST).await;
    let counter = store.repository::<Counter>();
    counter.execute(odd.clone(), 9).await.expect("executes");
    caught_up(&store, LAST + 1).await;
    let handled = counters(&store).await;
    assert_eq!((handled.get(&odd), &handled[&even]), (None, &sequence(2)));
    let [front] = all(&store).await.try_into().expect("one");
    assert_eq!(store.waiting(&front).await.expect("counts"), 5);
    let asked = parked(&store).redrive_key(&front, "repaired").await;
    assert!(asked.expect("asks"));
    settled(&store, 0).await;
    running.stop().await;
    assert_eq!(counters(&store).await[&odd], [1, 3, 5, 7, 9]);
}

/// Wherever it continues: what is parked there would be lost between the place and the event in front.
#[tokio::test(start_paused = true)]
async fn nothing_is_parked_after_a_continuation() {
    for position in [1, 2, 3, 5, LAST] {
        let (store, odd, even) = with_a_parked_stream_ahead().await;
        let make = || runner(&store, Bad::default().view());
        let to = make().continue_after(Position::new(position), "why").await;
        assert_eq!(to.expect("continues"), Position::new(position));
        assert_eq!(all(&store).await, []);
        make().run(caught_up(&store, LAST)).await.expect("runs");
        let handled = counters(&store).await;
        let behind = |first: u64| (first..=LAST).step_by(2).filter(|one| *one > position);
        let odds = handled.get(&odd).cloned().unwrap_or_default();
        assert_eq!(odds, Vec::from_iter(behind(1)), "after {position}");
        // 2 was handled before.
        let evens = std::iter::once(2).chain(behind(2));
        assert_eq!(handled[&even], Vec::from_iter(evens), "after {position}");
    }
}

/// The event that stopped a partition is passed over with its partition; others and what is parked stay.
#[tokio::test(start_paused = true)]
async fn a_skip_in_a_slice_that_is_not_ahead_keeps_what_is_parked() {
    let (store, odd, even) = with_a_parked_stream_ahead().await;
    let make = || {
        let runner = runner(&store, Bad::new([6]).view());
        runner.on_failure(|_| ErrorAction::Stop)
    };
    make()
        .run(caught_up(&store, LAST))
        .await
        .expect_err("stops");
    for wrong in [1, 4, 5, 7, 8] {
        let error = make().skip(Position::new(wrong), "why").await;
        let text = error.expect_err("is not the next").to_string();
        assert!(text.contains("its next event is"), "{text}");
    }
    make().skip(Position::new(6), "why").await.expect("skips");
    let [front] = all(&store).await.try_into().expect("one");
    let asked = parked(&store).redrive_key(&front, "repaired").await;
    assert!(asked.expect("asks"));
    let running = Running::start(make());
    settled(&store, 0).await;
    caught_up(&store, LAST).await;
    running.stop().await;
    let handled = counters(&store).await;
    assert_eq!(handled[&odd], sequence(1));
    assert_eq!(handled[&even], [2, 4, 8]);
}

/// Its events lie in many slices: two owners would handle some twice, or none of them.
#[tokio::test(start_paused = true)]
async fn a_key_that_is_no_stream_stays_in_one_partition() {
    let store = MemoryEventStore::default();
    for id in ["a1", "a2", "b1"] {
        keys::append(&store, "order", id).await;
    }
    let running = Running::start(runner(&store, Processes(Bad::new([1]))));
    caught_up(&store, 3).await;
    settled(&store, 1).await;
    let refused = store.repartition(Sums::NAME, 2, "why").await;
    assert!(
        matches!(&refused, Err(RepartitionError::Parked(of)) if of == Sums::NAME),
        "{refused:?}"
    );
    running.stop().await;

    let store = MemoryEventStore::default();
    for id in ["a1", "a2", "b1"] {
        keys::append(&store, "order", id).await;
    }
    let shared = runner(&store, Processes(Bad::new([1]))).partitions(2);
    let error = shared.run(caught_up(&store, 3)).await;
    let error = error.expect_err("stops");
    assert!(
        matches!(error.kind, RunnerErrorKind::Poison { .. }),
        "{error}"
    );
    assert_eq!(all(&store).await, []);
}
