//! Guarantees of the [`EventStore`] port for the log of all streams.

use std::collections::HashSet;

use cqrs_core::{
    EventStore, ExpectedVersion, Position, StreamId,
    model::{EventFilter, Slices},
    ports::{Append, LogQuery},
};
use tokio::task::JoinSet;

use super::fixture::{account, append, at, event, read_all, stream, versions};

/// No event is missing or read twice, positions rise, and the versions of each stream are in order.
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

/// Events that do not match are skipped once and not searched again.
pub async fn a_filtered_page_continues_after_skipped_events<S: EventStore>(store: S) {
    let account = account("a");
    let bonus = stream("bonus", "b");
    for stream in [&account, &bonus, &account, &bonus, &account] {
        let events = vec![event("Granted", "1"), event("Spent", "2")];
        store
            .append(Append::new(stream.clone(), ExpectedVersion::Any, events))
            .await
            .expect("appends");
    }
    let kinds = async |reads: &[EventFilter], limit| {
        let events = read_all(&store, reads, Slices::ALL, limit).await;
        events
            .iter()
            .map(|event| format!("{} {}", event.stream.category(), event.event_type))
            .collect::<Vec<_>>()
    };
    let granted = EventFilter::new("bonus", &["Granted", "Unheard"]);
    for limit in [1, 2, 100] {
        assert_eq!(kinds(&[granted], limit).await, ["bonus Granted"; 2]);
        assert_eq!(
            kinds(&[EventFilter::new("account", &[])], limit)
                .await
                .len(),
            6
        );
        let both = [granted, EventFilter::new("account", &["Spent"])];
        let expected = [
            "account Spent",
            "bonus Granted",
            "account Spent",
            "bonus Granted",
            "account Spent",
        ];
        assert_eq!(kinds(&both, limit).await, expected);
    }
    let reads = [EventFilter::new("unheard", &[])];
    let query = LogQuery::new(Position::START, 100).reads(&reads);
    let page = store.read_log(query).await.expect("reads");
    assert!(page.events.is_empty());
    assert_eq!(
        page.upto.map(|upto| upto.offset.get()),
        Some(last(&store).await.get())
    );
}

/// A page ends with the event at which its payloads reach the bytes of the query, and the next page goes on after it.
pub async fn a_page_is_bounded_in_bytes<S: EventStore>(store: S) {
    store
        .append(append(&account("alice"), at(0), 5))
        .await
        .expect("appends");
    let every = LogQuery::new(Position::START, 100);
    let events = store.read_log(every).await.expect("reads").events;
    let two = events[0].payload.len() + events[1].payload.len();
    let (mut after, mut pages) = (Position::START, Vec::new());
    loop {
        let query = LogQuery::new(after, 100).bytes(two);
        let page = store.read_log(query).await.expect("reads");
        let Some(last) = page.events.last() else {
            break;
        };
        assert_eq!(
            page.upto.map(|upto| upto.offset.get()),
            Some(last.position.get())
        );
        after = last.position;
        pages.push((page.events.len(), page.cut));
    }
    assert_eq!(pages, [(2, true), (2, true), (1, false)]);
    let smallest = LogQuery::new(Position::START, 100).bytes(0);
    let page = store.read_log(smallest).await.expect("reads");
    assert_eq!(page.events.len(), 1, "at least one");
    let full = LogQuery::new(Position::START, 2).bytes(two);
    assert!(
        !store.read_log(full).await.expect("reads").cut,
        "it has what was asked for"
    );
}

/// A query for the log as of a position ends there, with a filter and without.
pub async fn a_page_ends_at_a_position<S: EventStore>(store: S) {
    for id in ["alice", "bob"] {
        let appended = append(&account(id), at(0), 3);
        store.append(appended).await.expect("appends");
    }
    let every = store.read_log(LogQuery::new(Position::START, 10)).await;
    let events = every.expect("reads").events;
    let filter = [EventFilter::new("account", &["Happened"])];
    for reads in [&[][..], &filter] {
        for (index, last) in events.iter().enumerate() {
            let query = LogQuery::new(Position::START, 10).reads(reads);
            let page = store.read_log(query.upto(last.position)).await;
            let page = page.expect("reads");
            assert_eq!(page.events, events[..=index]);
            let upto = page.upto.map(|upto| upto.event_id);
            assert_eq!(upto, Some(Some(last.id)));
            let after = query.after(last.position).upto(last.position);
            let nothing = store.read_log(after).await.expect("reads");
            assert_eq!((nothing.events.len(), nothing.upto), (0, None));
            assert_eq!(nothing.follows, Some(last.id));
        }
    }
}

/// Ranges of slices divide the log: each stream is in exactly one range.
pub async fn a_page_of_slices_has_the_streams_of_those_slices<S: EventStore>(store: S) {
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

/// A checkpoint can be verified by the id of its last event.
pub async fn the_id_of_the_event_at_a_position_can_be_read<S: EventStore>(store: S) {
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

/// A page, even an empty one, names the event at the position that it follows. So a reader notices another log.
pub async fn a_page_proves_which_event_it_follows<S: EventStore>(store: S) {
    for stream in ["alice", "bob", "alice"] {
        let append = append(&account(stream), ExpectedVersion::Any, 1);
        store.append(append).await.expect("appends");
    }
    let events = read_all(&store, &[], Slices::ALL, 10).await;
    let last = events.last().expect("three events").position;
    let nothing = [EventFilter::new("nothing", &[])];
    for after in 0..=last.get() + 1 {
        let after = Position::new(after);
        let at = events.iter().find(|event| event.position == after);
        for query in [
            LogQuery::new(after, 1),
            LogQuery::new(after, 10).reads(&nothing),
        ] {
            let page = store.read_log(query).await.expect("reads");
            assert_eq!(page.follows, at.map(|event| event.id), "after {after}");
        }
    }
}

/// A log is told from every other one by its identity. If it has lost published events, the later ones have a new id.
pub async fn a_log_has_an_identity<S: EventStore>(store: S) {
    let identity = store.identity().await.expect("reads");
    assert_eq!(store.identity().await.expect("reads"), identity);
    let after = Position::new(40);
    let renewed = store.renew_id(after, "commits were lost").await;
    let renewed = renewed.expect("renews");
    assert_eq!(store.identity().await.expect("reads"), renewed);
    assert_eq!(renewed.place(), identity.place());
    assert_eq!(renewed.id_of(after), identity.id());
    let later = renewed.id_of(Position::new(41));
    assert!(later != identity.id() && later == renewed.id());
}

async fn last<S: EventStore>(store: &S) -> Position {
    read_all(store, &[], Slices::ALL, 100)
        .await
        .last()
        .map_or(Position::START, |event| event.position)
}
