//! Guarantees of the [`Snapshots`] port: a state loaded from a snapshot equals the state from a full replay.

use bytes::Bytes;
use cqrs_core::{
    Aggregate, CommandStore, Context, Decision, EventId, EventStore, Repository, SnapshotPolicy,
    StreamId, Version,
    ports::{PastEvent, Snapshot, Snapshots},
};
use serde::{Deserialize, Serialize};

use super::{
    fixture::{account, append, at, event_ids},
    purse::{Purse, PurseEvent},
};

/// A snapshot is read back as it was saved, with the events from its last event on.
pub async fn a_snapshot_is_read_with_the_events_from_its_last_on<S: Snapshots>(store: S) {
    let alice = account("alice");
    let ids = filled(&store, &alice, 5).await;
    let found = |version| snapshot(&alice, version, ids[0]);
    for (version, behind) in [(1, 0..5), (3, 2..5), (5, 4..5), (9, 5..5)] {
        let saved = found(version);
        store.save_snapshot(saved.clone()).await.expect("saves");
        let (read, events) = read(&store, &alice, u64::MAX).await;
        assert_eq!(read, Some(saved));
        assert_eq!(
            places(&events),
            Vec::from_iter(behind.map(|n| (n as u64 + 1, ids[n])))
        );
    }
}

/// A snapshot with another fingerprint is ignored: all events are read.
pub async fn a_snapshot_of_another_fingerprint_is_not_read<S: Snapshots>(store: S) {
    let (alice, bob) = (account("alice"), account("bob"));
    let ids = filled(&store, &alice, 3).await;
    let all: Vec<_> = (1..).zip(ids.clone()).collect();
    let none = read(&store, &alice, u64::MAX).await;
    assert_eq!((none.0, places(&none.1)), (None, all.clone()));
    store
        .save_snapshot(snapshot(&alice, 2, ids[1]))
        .await
        .expect("saves");
    let other = read(&store, &alice, u64::MAX - 1).await;
    assert_eq!((other.0, places(&other.1)), (None, all.clone()));
    assert_eq!(read(&store, &bob, u64::MAX).await, (None, vec![]));
    // A stream has one snapshot: a newer one replaces it, also with another fingerprint.
    let mut newer = snapshot(&alice, 3, ids[2]);
    newer.fingerprint = 1;
    store.save_snapshot(newer.clone()).await.expect("saves");
    assert_eq!(read(&store, &alice, 1).await.0, Some(newer));
    assert_eq!(read(&store, &alice, u64::MAX).await.0, None);
}

/// Detects a state that counts the events of its snapshot twice.
pub async fn an_event_in_a_snapshot_is_not_applied_again<S: Snapshots>(store: S) {
    let policies = [
        SnapshotPolicy::every(1),
        SnapshotPolicy::every(2),
        SnapshotPolicy::on_demand(),
    ];
    for (n, policy) in policies.into_iter().enumerate() {
        for cache in [0, 10] {
            let purses = purses(&store).snapshots(policy).cache(cache);
            let id = format!("{n} {cache}");
            for count in 1..=5 {
                let done = purses.execute(&id, 100).await.expect("executes");
                assert_eq!(
                    done.events,
                    [PurseEvent::Paid {
                        amount: 100,
                        before: 100 * (count - 1)
                    }]
                );
                purses.take_snapshot(&id).await.expect("takes one");
                let loaded = purses.load(&id).await.expect("loads");
                assert_eq!(
                    (loaded.version.get(), loaded.state.balance),
                    (count, 100 * count)
                );
                assert_eq!(loaded, purses_by_replay(&store, &id).await);
            }
        }
    }
}

/// Detects an unreadable snapshot that counts as an empty state at its version: its events would be lost.
pub async fn a_snapshot_of_another_shape_is_not_an_empty_state<S: Snapshots>(store: S) {
    let before = purses(&store).snapshots(SnapshotPolicy::on_demand());
    for _ in 0..10 {
        before.execute("alice", 100).await.expect("executes");
    }
    before.take_snapshot("alice").await.expect("takes one");
    let after = store
        .repository::<WiderPurse>()
        .snapshots(SnapshotPolicy::on_demand());
    let done = after.execute("alice", 200).await.expect("executes");
    assert_eq!(
        done.events,
        [PurseEvent::Paid {
            amount: 200,
            before: 1000
        }]
    );
    let loaded = after.load("alice").await.expect("loads").state;
    assert_eq!((loaded.balance, loaded.payments), (1200, 11));
}

/// The purse after a release that added a field to its state.
#[derive(Debug, Default, Serialize, Deserialize)]
struct WiderPurse {
    balance: u64,
    payments: u64,
}

impl Aggregate for WiderPurse {
    type Command = u64;
    type Event = PurseEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, amount: u64, _: &Context) -> Decision<Self> {
        let before = self.balance;
        Ok(vec![PurseEvent::Paid { amount, before }])
    }

    fn apply(&mut self, event: PurseEvent) {
        let PurseEvent::Paid { amount, .. } = event;
        self.balance += amount;
        self.payments += 1;
    }
}

fn purses<S: EventStore>(store: &S) -> Repository<Purse, S> {
    store.repository()
}

async fn purses_by_replay<S: EventStore>(store: &S, id: &str) -> cqrs_core::Loaded<Purse> {
    purses(store).cache(0).load(id).await.expect("loads")
}

async fn filled<S: EventStore>(store: &S, stream: &StreamId, count: usize) -> Vec<EventId> {
    let append = append(stream, at(0), count);
    let ids = event_ids(&append);
    store.append(append).await.expect("appends");
    ids
}

/// A snapshot with numbers that use all bits, and with JSON in a format that serde does not write.
fn snapshot(stream: &StreamId, version: u64, last_event: EventId) -> Snapshot {
    Snapshot::new(
        stream.clone(),
        Version::new(version),
        last_event,
        u64::MAX,
        u64::MAX - 1,
        Bytes::from_static("{\"b\" : 1e0,\n \"a\": \"\\u0000 ä \u{1F980}\", \"a\": 2}".as_bytes()),
    )
}

async fn read<S: Snapshots>(
    store: &S,
    stream: &StreamId,
    fingerprint: u64,
) -> (Option<Snapshot>, Vec<PastEvent>) {
    let read = store.replay_from_snapshot(stream, fingerprint).await;
    read.expect("reads")
}

fn places(events: &[PastEvent]) -> Vec<(u64, EventId)> {
    events
        .iter()
        .map(|past| (past.version.get(), past.id))
        .collect()
}
