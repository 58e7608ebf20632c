//! Promises of the [`EventStore`] port.

use std::{collections::HashSet, time::Duration};

use tokio::task::JoinSet;

use super::fixture::{account, append, at, conflict, event, read_all, stream, versions};
use crate::{
    Append, EventId, EventStore, ExpectedVersion, LogQuery, Metadata, Position, Reads, Slices,
    StoreErrorKind, StreamId, Version, WriteError,
};

/// Every field comes back as it was given, and what the store adds makes sense.
pub async fn an_append_is_read_back_whole<S: EventStore>(store: S) {
    let alice = account("alice");
    let metadata = Metadata {
        correlation_id: Some("order 17".to_owned()),
        causation_id: Some(EventId::random()),
        traceparent: Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned()),
    };
    let mut opened = event("Opened", r#"{"owner":"Älice \u0000 \"A\"","rate":1e-7}"#);
    opened.metadata = metadata.clone();
    let closed = event("Closed", "null");
    let new = Append {
        stream: alice.clone(),
        expected: at(0),
        events: vec![opened.clone(), closed.clone()],
    };
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
    assert_eq!(
        store
            .read_stream(&alice, Version::new(1))
            .await
            .expect("reads"),
        events[1..]
    );
}

/// Each expectation lets through what it names and nothing else.
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

/// A version with its last event lets through that event only, also where there is none yet.
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

/// No events change nothing, and the answer says where the stream is.
pub async fn an_append_without_events_is_a_look<S: EventStore>(store: S) {
    let alice = account("alice");
    store
        .append(append(&alice, at(0), 3))
        .await
        .expect("appends");
    for expected in [ExpectedVersion::Any, ExpectedVersion::StreamExists, at(3)] {
        let looked = store
            .append(append(&alice, expected, 0))
            .await
            .expect("looks");
        assert_eq!(
            (looked.version.get(), looked.position),
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

/// A conflict writes nothing, not even a part.
pub async fn a_refused_append_leaves_nothing<S: EventStore>(store: S) {
    let alice = account("alice");
    store
        .append(append(&alice, at(0), 2))
        .await
        .expect("appends");
    conflict(store.append(append(&alice, at(1), 3)).await);
    assert_eq!(versions(&store, &alice).await, [1, 2]);
    assert_eq!(read_all(&store, &[], Slices::ALL, 10).await.len(), 2);
}

/// Of many appends that expect the same version, exactly one succeeds.
pub async fn of_many_writers_at_one_version_one_wins<S: EventStore>(store: S) {
    let alice = account("alice");
    for version in 0..5 {
        let mut writers = JoinSet::new();
        for _ in 0..16 {
            let (store, append) = (store.clone(), append(&alice, at(version), 1));
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

/// One conflict among several streams refuses them all; a stream without events is a guard only.
pub async fn appends_to_several_streams_are_all_or_none<S: EventStore>(store: S) {
    let (alice, bob, rate) = (account("alice"), account("bob"), stream("rate", "eur"));
    store
        .append(append(&rate, at(0), 1))
        .await
        .expect("appends");
    let both = |rate_at| {
        [
            append(&bob, at(0), 2),
            append(&alice, at(0), 1),
            append(&rate, at(rate_at), 0),
        ]
    };
    let mut transaction = store.begin().await.expect("begins");
    let outcome = match store.append_in(&mut transaction, both(0).into()).await {
        Ok(_) => store.commit(transaction).await,
        Err(error) => {
            store.rollback(transaction).await.expect("rolls back");
            Err(error)
        }
    };
    assert_eq!(conflict(outcome), (1, at(0)));
    assert_eq!(versions(&store, &bob).await, [0_u64; 0]);
    let mut transaction = store.begin().await.expect("begins");
    let appended = store
        .append_in(&mut transaction, both(1).into())
        .await
        .expect("appends");
    store.commit(transaction).await.expect("commits");
    assert_eq!(
        appended
            .iter()
            .map(|one| one.version.get())
            .collect::<Vec<_>>(),
        [2, 1, 1]
    );
    assert_eq!(
        (versions(&store, &alice).await, versions(&store, &bob).await),
        (vec![1], vec![1, 2])
    );
}

/// What was rolled back is in no stream and not in the log, and its version is free.
pub async fn a_rolled_back_append_was_never_there<S: EventStore>(store: S) {
    let alice = account("alice");
    let mut transaction = store.begin().await.expect("begins");
    store
        .append_in(&mut transaction, append(&alice, at(0), 2).into())
        .await
        .expect("appends");
    store.rollback(transaction).await.expect("rolls back");
    let mut dropped = store.begin().await.expect("begins");
    store
        .append_in(&mut dropped, append(&alice, at(0), 2).into())
        .await
        .expect("appends");
    drop(dropped);
    store
        .append(append(&alice, at(0), 1))
        .await
        .expect("appends");
    assert_eq!(versions(&store, &alice).await, [1]);
    assert_eq!(read_all(&store, &[], Slices::ALL, 10).await.len(), 1);
}

/// Somebody else's append between the read and the commit is refused, or this transaction is: never both accepted.
pub async fn a_stream_read_in_a_transaction_is_guarded_until_its_end<S: EventStore>(store: S) {
    let (alice, bob) = (account("alice"), account("bob"));
    store
        .append(append(&alice, at(0), 1))
        .await
        .expect("appends");
    let mut transaction = store.begin().await.expect("begins");
    let read = store
        .read_streams_in(&mut transaction, &[alice.clone(), bob.clone()])
        .await
        .expect("reads");
    assert_eq!(read.len(), 1);
    let other = tokio::spawn({
        let (store, append) = (store.clone(), append(&alice, at(1), 1));
        async move { store.append(append).await }
    });
    let ours = match store
        .append_in(
            &mut transaction,
            [append(&alice, at(1), 1), append(&bob, at(0), 1)].into(),
        )
        .await
    {
        Ok(_) => store.commit(transaction).await,
        Err(error) => {
            store.rollback(transaction).await.expect("rolls back");
            Err(error)
        }
    };
    let other = other.await.expect("no panic");
    assert_ne!(ours.is_ok(), other.is_ok(), "{ours:?} and {other:?}");
    assert_eq!(versions(&store, &alice).await, [1, 2]);
}

/// Two appends to one stream in a call would need an order: refused, or done in the order given.
pub async fn a_stream_twice_in_one_append_is_refused<S: EventStore>(store: S) {
    let alice = account("alice");
    let mut transaction = store.begin().await.expect("begins");
    let twice = [append(&alice, at(0), 1), append(&alice, at(1), 1)];
    let error = store
        .append_in(&mut transaction, twice.into())
        .await
        .expect_err("refused");
    assert!(
        matches!(&error, WriteError::Store(e) if e.kind() == StoreErrorKind::InvalidInput),
        "{error:?}"
    );
}

/// No event is missing, none comes twice, positions rise, versions of a stream come in order.
pub async fn the_log_is_read_page_by_page_in_order<S: EventStore>(store: S) {
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let store = store.clone();
        writers.spawn(async move {
            for n in 0..10 {
                let stream = account(&format!("{}", (writer + n) % 4));
                store
                    .append(append(&stream, ExpectedVersion::Any, 1 + n % 3))
                    .await
                    .expect("appends");
            }
        });
    }
    writers.join_all().await;
    for limit in [1, 7, 1_000] {
        let events = read_all(&store, &[], Slices::ALL, limit).await;
        assert_eq!(events.len(), 8 * (4 + 2 * 3 + 3 * 3));
        assert!(events.is_sorted_by(|a, b| a.position < b.position));
        for id in 0..4 {
            let stream = account(&id.to_string());
            let of_stream = events
                .iter()
                .filter(|event| event.stream == stream)
                .map(|event| event.version.get());
            assert_eq!(
                of_stream.collect::<Vec<_>>(),
                versions(&store, &stream).await
            );
        }
    }
    assert_eq!(
        store.high_water_mark().await.expect("reads"),
        last(&store).await
    );
}

async fn last<S: EventStore>(store: &S) -> Position {
    read_all(store, &[], Slices::ALL, 100)
        .await
        .last()
        .map_or(Position::START, |event| event.position)
}

/// What does not match is passed over once, not searched again.
pub async fn a_filtered_page_goes_on_behind_what_it_passed_over<S: EventStore>(store: S) {
    let (account, bonus) = (account("a"), stream("bonus", "b"));
    for stream in [&account, &bonus, &account, &bonus, &account] {
        let events = vec![event("Granted", "1"), event("Spent", "2")];
        store
            .append(Append {
                stream: stream.clone(),
                expected: ExpectedVersion::Any,
                events,
            })
            .await
            .expect("appends");
    }
    let kinds = async |reads: &[Reads], limit| {
        let events = read_all(&store, reads, Slices::ALL, limit).await;
        events
            .iter()
            .map(|event| format!("{} {}", event.stream.category(), event.event_type))
            .collect::<Vec<_>>()
    };
    let granted = Reads {
        category: "bonus",
        types: &["Granted", "Unheard"],
    };
    for limit in [1, 2, 100] {
        assert_eq!(kinds(&[granted], limit).await, ["bonus Granted"; 2]);
        assert_eq!(
            kinds(
                &[Reads {
                    category: "account",
                    types: &[]
                }],
                limit
            )
            .await
            .len(),
            6
        );
        let both = [
            granted,
            Reads {
                category: "account",
                types: &["Spent"],
            },
        ];
        let expected = [
            "account Spent",
            "bonus Granted",
            "account Spent",
            "bonus Granted",
            "account Spent",
        ];
        assert_eq!(kinds(&both, limit).await, expected);
    }
    let query = LogQuery {
        after: Position::START,
        reads: &[Reads {
            category: "unheard",
            types: &[],
        }],
        slices: Slices::ALL,
        limit: 100,
    };
    let page = store.read_log(query).await.expect("reads");
    assert!(page.events.is_empty());
    assert_eq!(
        page.upto.map(|upto| upto.offset.get()),
        Some(last(&store).await.get())
    );
}

/// The parts of the log are its streams, each whole and in one part.
pub async fn a_page_of_slices_holds_the_streams_of_those_slices<S: EventStore>(store: S) {
    for n in 0..40 {
        store
            .append(append(&account(&n.to_string()), at(0), 2))
            .await
            .expect("appends");
    }
    let mut found: Vec<StreamId> = Vec::new();
    for part in 0..3 {
        let slices = Slices::part(part, 3);
        let events = read_all(&store, &[], slices, 7).await;
        assert!(
            events
                .iter()
                .all(|event| slices.contains(event.stream.slice()))
        );
        found.extend(events.into_iter().map(|event| event.stream));
    }
    assert_eq!(
        (found.len(), found.into_iter().collect::<HashSet<_>>().len()),
        (80, 40)
    );
}

/// The longest names that are allowed can be stored, in any script.
pub async fn ids_up_to_the_limit_are_kept<S: EventStore>(store: S) {
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

/// A checkpoint can be verified by the event it stands on.
pub async fn the_event_at_a_position_is_known<S: EventStore>(store: S) {
    store
        .append(append(&account("alice"), at(0), 3))
        .await
        .expect("appends");
    for event in read_all(&store, &[], Slices::ALL, 10).await {
        assert_eq!(
            store.event_id_at(event.position).await.expect("reads"),
            Some(event.id)
        );
    }
    let beyond = Position::new(last(&store).await.get() + 1);
    assert_eq!(store.event_id_at(beyond).await.expect("reads"), None);
    assert_eq!(
        store.event_id_at(Position::START).await.expect("reads"),
        None
    );
}
