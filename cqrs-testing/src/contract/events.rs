//! Guarantees of the [`EventStore`] port for one stream.

use std::time::Duration;

use cqrs_core::{
    EventId, EventStore, ExpectedVersion, Metadata, StreamId, Version, model::Slices, ports::Append,
};
use tokio::task::JoinSet;

use super::fixture::{account, append, at, conflict, event, headers, read_all, versions};

/// Every field is read back as it was appended, and the store's own fields have valid values.
pub async fn an_append_is_read_back_whole<S: EventStore>(store: S) {
    let alice = account("alice");
    let metadata = Metadata::new(
        Some("order 17".to_owned()),
        Some(EventId::random()),
        Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
        headers([("user", "Älice \"A\""), ("tenant", "")]),
    );
    let mut opened = event("Opened", r#"{"owner":"Älice \u0001 \"A\"","rate":1e-7}"#);
    opened.metadata = metadata.clone();
    let closed = event("Closed", "null");
    let new = Append::new(alice.clone(), at(0), vec![opened.clone(), closed.clone()]);
    let appended = store.append(new).await.expect("appends");
    let events = store
        .read_stream(&alice, Version::EMPTY)
        .await
        .expect("reads");
    assert_eq!(events.len(), 2);
    for (recorded, (new, version)) in events.iter().zip([(&opened, 1), (&closed, 2)]) {
        assert_eq!(
            (recorded.id, &*recorded.event_type, &recorded.payload),
            (new.id, new.event_type, &new.payload)
        );
        assert_eq!(
            (recorded.version.get(), &recorded.stream),
            (version, &alice)
        );
        assert_eq!(
            (&recorded.metadata, recorded.schema_version, &recorded.lane),
            (&new.metadata, 1, &None)
        );
        assert!(
            recorded
                .recorded_at
                .elapsed()
                .is_ok_and(|age| age < Duration::from_secs(60))
        );
    }
    assert!(events[0].position < events[1].position);
    assert_eq!(
        (appended.version.get(), appended.position),
        (2, Some(events[1].position))
    );
    // A store may append a single event by another path.
    let mut reopened = event("Reopened", "{}");
    reopened.metadata = metadata.clone();
    let new = Append::new(alice.clone(), at(2), vec![reopened.clone()]);
    store.append(new).await.expect("appends");
    let alone = store.read_stream(&alice, Version::new(2)).await;
    let alone = &alone.expect("reads")[0];
    assert_eq!((alone.id, &alone.metadata), (reopened.id, &metadata));
    assert_eq!(alone.payload, reopened.payload);
    assert_eq!(
        store
            .read_stream(&alice, Version::new(1))
            .await
            .expect("reads")[..1],
        events[1..]
    );
}

/// Each expectation accepts exactly the versions that it names.
pub async fn expectations_guard_the_stream<S: EventStore>(store: S) {
    let alice = account("alice");
    let try_with = async |expected| store.append(append(&alice, expected, 1)).await;
    assert_eq!(
        conflict(try_with(ExpectedVersion::StreamExists).await),
        (0, ExpectedVersion::StreamExists)
    );
    assert_eq!(conflict(try_with(at(1)).await), (0, at(1)));
    try_with(ExpectedVersion::NoStream)
        .await
        .expect("a new stream");
    assert_eq!(
        conflict(try_with(ExpectedVersion::NoStream).await),
        (1, ExpectedVersion::NoStream)
    );
    assert_eq!(conflict(try_with(at(0)).await), (1, at(0)));
    try_with(ExpectedVersion::StreamExists)
        .await
        .expect("an existing stream");
    try_with(ExpectedVersion::Any).await.expect("anything");
    try_with(at(3)).await.expect("the exact version");
    assert_eq!(conflict(try_with(at(5)).await), (4, at(5)));
    assert_eq!(versions(&store, &alice).await, [1, 2, 3, 4]);
}

/// An expected last event accepts only a stream that ends with it at that version, and never an empty stream.
pub async fn the_last_event_is_expected_by_its_id<S: EventStore>(store: S) {
    let alice = account("alice");
    let with = |version, id| ExpectedVersion::LastEvent(Version::new(version), id);
    let try_with = async |expected| store.append(append(&alice, expected, 1)).await;
    let nobody = EventId::random();
    assert_eq!(
        conflict(try_with(with(0, nobody)).await),
        (0, with(0, nobody))
    );
    let first = append(&alice, at(0), 2);
    let ids: Vec<_> = first.events.iter().map(|event| event.id).collect();
    store.append(first).await.expect("appends");
    for expected in [with(2, nobody), with(2, ids[0]), with(1, ids[0])] {
        assert_eq!(conflict(try_with(expected).await), (2, expected));
    }
    try_with(with(2, ids[1])).await.expect("the last event");
    assert_eq!(versions(&store, &alice).await, [1, 2, 3]);
}

/// An append without events changes nothing and returns the stream's version.
pub async fn an_append_without_events_changes_nothing<S: EventStore>(store: S) {
    let alice = account("alice");
    store
        .append(append(&alice, at(0), 3))
        .await
        .expect("appends");
    for expected in [ExpectedVersion::Any, ExpectedVersion::StreamExists, at(3)] {
        let checked = store
            .append(append(&alice, expected, 0))
            .await
            .expect("checks");
        assert_eq!(
            (checked.version.get(), checked.position),
            (3, None),
            "{expected}"
        );
    }
    assert_eq!(
        conflict(store.append(append(&alice, at(2), 0)).await),
        (3, at(2))
    );
    assert_eq!(versions(&store, &alice).await, [1, 2, 3]);
}

/// An append with a conflict writes no event.
pub async fn a_rejected_append_writes_nothing<S: EventStore>(store: S) {
    let alice = account("alice");
    store
        .append(append(&alice, at(0), 2))
        .await
        .expect("appends");
    conflict(store.append(append(&alice, at(1), 3)).await);
    assert_eq!(versions(&store, &alice).await, [1, 2]);
    assert_eq!(read_all(&store, &[], Slices::ALL, 10).await.len(), 2);
}

/// Exactly one of many appends that expect the same version succeeds.
pub async fn one_of_many_writers_at_one_version_succeeds<S: EventStore>(store: S) {
    let alice = account("alice");
    for version in 0..5 {
        let mut writers = JoinSet::new();
        for _ in 0..16 {
            let store = store.clone();
            let append = append(&alice, at(version), 1);
            writers.spawn(async move { store.append(append).await });
        }
        let outcomes = writers.join_all().await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
        for outcome in outcomes.into_iter().filter(Result::is_err) {
            assert_eq!(conflict(outcome), (version + 1, at(version)));
        }
    }
    assert_eq!(versions(&store, &alice).await, [1, 2, 3, 4, 5]);
}

/// The longest valid ids can be stored, and ids in any script.
pub async fn the_longest_ids_can_be_stored<S: EventStore>(store: S) {
    let long = "ä".repeat(StreamId::MAX_ID_BYTES / 2);
    for id in [
        long.as_str(),
        "'; drop table events; --",
        "{\"a\": [1]}",
        "a/b-c d",
        "\u{1F980}",
    ] {
        let stream = account(id);
        store
            .append(append(&stream, at(0), 1))
            .await
            .expect("appends");
        assert_eq!(versions(&store, &stream).await, [1], "{id}");
    }
}
