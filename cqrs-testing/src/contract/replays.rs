//! Guarantees for replays: no event is missing or read twice, and an event that cannot be read is an error.

use cqrs_core::{
    CommandStore, EventStore, ExecuteError, ExpectedVersion, ReadModel, Runner, SnapshotPolicy,
    Store, StoreErrorKind, StreamId, Version,
    ports::{Append, PastEvent},
    read::ErrorAction,
    role,
};
use tokio::task::JoinSet;

use super::{
    fixture::{account, append, at, event, event_ids, versions},
    purse::{Payments, Purse, PurseEvent},
};

/// A replay returns the same events as `read_stream`, from any version on.
pub async fn a_replay_reads_the_stream_from_any_version_on<S: EventStore>(store: S) {
    let alice = account("alice");
    for batch in 0..3 {
        let filled = append(&alice, at(batch * 90), 90);
        store.append(filled).await.expect("appends");
    }
    for after in [
        0,
        1,
        99,
        100,
        101,
        199,
        269,
        270,
        271,
        u64::from(u32::MAX),
        u64::MAX,
    ] {
        let after = Version::new(after);
        let read = store.read_stream(&alice, after).await.expect("reads");
        let past: Vec<_> = read.into_iter().map(PastEvent::from).collect();
        // One reader, then several at the same time.
        assert_eq!(store.replay(&alice, after).await.expect("replays"), past);
        let mut readers = JoinSet::new();
        for _ in 0..8 {
            let store = store.clone();
            let alice = alice.clone();
            readers.spawn(async move { store.replay(&alice, after).await.expect("replays") });
        }
        assert!(readers.join_all().await.iter().all(|read| *read == past));
    }
}

/// Short, long and missing streams in one call.
pub async fn several_streams_replay_like_each_of_them<S: EventStore>(store: S) {
    let streams = ["alice", "bob", "carl", "dora"].map(account);
    for (stream, events) in streams.iter().zip([1, 250, 0, 100]) {
        if events > 0 {
            let filled = append(stream, ExpectedVersion::NoStream, events);
            store.append(filled).await.expect("appends");
        }
    }
    let together = store.replay_all(&streams).await.expect("replays");
    let mut each = Vec::new();
    for stream in &streams {
        let history = store.replay(stream, Version::EMPTY).await;
        each.push(history.expect("replays"));
    }
    assert_eq!(together, each);
    let none = store.replay_all(&[]).await.expect("replays nothing");
    assert!(none.is_empty());
}

/// Detects 16-bit counters.
pub async fn a_stream_outgrows_65_535_events<S: EventStore>(store: S) {
    let alice = account("alice");
    let batch = 11_000;
    let mut last = None;
    for n in 0..6 {
        let next = append(&alice, at(n * 11_000), batch);
        last = event_ids(&next).pop();
        let appended = store.append(next).await.expect("appends");
        assert_eq!(appended.version.get(), (n + 1) * 11_000);
    }
    let last = ExpectedVersion::LastEvent(Version::new(66_000), last.expect("some"));
    let one = append(&alice, last, 1);
    let appended = store.append(one).await.expect("the last event");
    assert_eq!(
        (appended.before.get(), appended.version.get()),
        (66_000, 66_001)
    );
    let counted = versions(&store, &alice).await;
    assert!(counted.iter().copied().eq(1..=66_001));
    let replayed = store.replay(&alice, Version::new(65_534)).await;
    let replayed = replayed.expect("replays").into_iter();
    assert!(replayed.map(|past| past.version.get()).eq(65_535..=66_001));
}

/// Detects readers that skip an unreadable event: the state would be wrong without an error.
pub async fn an_event_that_cannot_be_read_is_an_error_to_every_reader<S: Store>(store: S) {
    let purses = || store.repository::<Purse>();
    let warm = purses();
    let snapshotted = purses().cache(0).snapshots(SnapshotPolicy::on_demand());
    warm.execute("alice", 1).await.expect("executes");
    snapshotted.take_snapshot("alice").await.expect("takes one");
    for strange in [
        event("Stolen", r#"{"amount":1}"#),
        event("Paid", r#"{"amount":-1}"#),
    ] {
        let stream = StreamId::of::<PurseEvent>("alice").expect("a valid id");
        let expected = ExpectedVersion::Any;
        let events = vec![strange];
        let append = Append::new(stream, expected, events);
        store.append(append).await.expect("appends");
        for purses in [&warm, &snapshotted, &purses()] {
            let rejected = purses
                .execute("alice", 1)
                .await
                .expect_err("cannot be read");
            assert!(
                matches!(&rejected, ExecuteError::Store(e) if e.kind() == StoreErrorKind::Undecodable),
                "{rejected:?}"
            );
            let unread = purses.load("alice").await.expect_err("cannot be read");
            assert_eq!(unread.kind(), StoreErrorKind::Undecodable, "{unread}");
        }
    }
    let stream = StreamId::of::<PurseEvent>("alice").expect("a valid id");
    assert_eq!(versions(&store, &stream).await, [1, 2, 3]);
    let runner = Runner::over_log::<role::View>(&store, Payments).expect("a view");
    let runner = runner.on_failure(|_| ErrorAction::Stop);
    let stopped = runner.run(std::future::pending()).await;
    let message = stopped
        .expect_err("stops at the unreadable event")
        .to_string();
    assert!(message.contains("purse-alice@2 (Stolen)"), "{message}");
    let payments = ReadModel::<Payments, _>::new(&store);
    assert_eq!(payments.get("alice").await.expect("reads"), Some(vec![1]));
}

/// Detects rebuilds that start again at every event: each rebuild applies every event once.
pub async fn a_rebuild_applies_every_event_once<S: Store>(store: S) {
    let purses = store.repository::<Purse>();
    let mut last = None;
    for amount in 1..=50 {
        let paid = purses.execute("alice", amount).await.expect("executes");
        last = paid.position;
    }
    let payments = ReadModel::<Payments, _>::new(&store);
    for _ in 0..3 {
        let runner = Runner::over_log::<role::View>(&store, Payments).expect("a view");
        runner.batch_size(7).catch_up().await.expect("runs");
        let handled = payments.wait_for(last.expect("fifty payments"));
        handled.await.expect("was handled");
        let paid = payments.get("alice").await.expect("reads");
        assert_eq!(paid, Some(Vec::from_iter(1..=50)));
        payments.reset("rebuild").await.expect("resets");
        assert_eq!(payments.get("alice").await.expect("reads"), None);
    }
}
