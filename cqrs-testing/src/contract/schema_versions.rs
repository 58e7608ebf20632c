//! Guarantees for the schema versions of events.

use cqrs_core::{
    EventStore, ExpectedVersion, Version,
    model::{LimitError, NewEvent, Slices},
    ports::{Append, Appends, Snapshots},
};
use tokio::task::JoinSet;

use super::fixture::{account, append, is_invalid, key, read_all, rejections};

/// An append of events with schema versions from `first` on; 0 stands for 1.
fn versioned(id: &str, first: u32, count: usize) -> Append {
    let mut append = append(&account(id), ExpectedVersion::Any, count);
    for (event, n) in append.events.iter_mut().zip(first..) {
        event.schema_version = n.max(1);
    }
    append
}

/// Each event is read back with its own schema version on every path: after single appends, batches, transactions, appends under a
/// key and appends to several streams.
pub async fn every_way_to_append_keeps_the_schema_version_of_each_event<S: Snapshots>(store: S) {
    store.append(versioned("3", 3, 1)).await.expect("appends");
    store.append(versioned("0", 0, 4)).await.expect("appends");
    let keyed = Appends::from([versioned("7", 7, 1), versioned("1", 1, 2)]).once(key("k", 1));
    store.append_all(keyed).await.expect("appends");
    let mut transaction = store.begin().await.expect("begins");
    let within = store.append_in(&mut transaction, versioned("5", 5, 2).into());
    within.await.expect("appends");
    let streams = [account("5")];
    let within = store.read_streams_in(&mut transaction, &streams);
    let within = within.await.expect("reads");
    store.commit(transaction).await.expect("commits");
    let mut writers = JoinSet::new();
    for first in 100..120 {
        let store = store.clone();
        let append = versioned(&first.to_string(), first, 1 + (first % 2) as usize);
        writers.spawn(async move { store.append(append).await });
    }
    for outcome in writers.join_all().await {
        outcome.expect("appends");
    }

    let log = read_all(&store, &[], Slices::ALL, 100).await;
    assert_eq!(log.len(), 1 + 4 + 3 + 2 + 30);
    for recorded in log.iter().chain(&within) {
        let first: u32 = recorded.stream.id().parse().expect("a number");
        let before = Version::new(recorded.version.get() - 1);
        let written = u64::from(first.max(1)).max(u64::from(first) + before.get());
        let read = |version: u32| assert_eq!(u64::from(version), written, "{recorded}");
        read(recorded.schema_version);
        let stream = &recorded.stream;
        let events = store.read_stream(stream, before).await.expect("reads");
        read(events[0].schema_version);
        let past = store.replay(stream, before).await.expect("replays");
        read(past[0].schema_version);
        let streams = [account("unused"), stream.clone()];
        let all = store.replay_all(&streams).await.expect("replays");
        read(all[1][usize::try_from(before.get()).expect("few")].schema_version);
        let (_, behind) = store.replay_from_snapshot(stream, 1).await.expect("reads");
        read(behind[usize::try_from(before.get()).expect("few")].schema_version);
    }
}

/// 0, and what no integer of a database holds, give the same error in every store.
pub async fn a_schema_version_beyond_a_limit_is_rejected<S: EventStore>(store: S) {
    for schema_version in [0, 1 << 31, u32::MAX] {
        let invalidate = |event: &mut NewEvent| event.schema_version = schema_version;
        for error in rejections(&store, invalidate).await {
            is_invalid(&error, &LimitError::SchemaVersion { schema_version });
        }
    }
    assert_eq!(read_all(&store, &[], Slices::ALL, 10).await, []);
    let mut largest = append(&account("a"), ExpectedVersion::Any, 1);
    largest.events[0].schema_version = (1 << 31) - 1;
    store.append(largest).await.expect("appends");
    let log = read_all(&store, &[], Slices::ALL, 10).await;
    assert_eq!(log[0].schema_version, (1 << 31) - 1);
}
