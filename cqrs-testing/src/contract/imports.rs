//! Guarantees of the [`Import`] port: events of another store keep everything but their position.

use std::time::{Duration, SystemTime};

use cqrs_core::{
    EventId, Metadata, Position, RecordedEvent, StreamId, Version,
    model::{LimitError, Slices},
    ports::{Import, ImportError, Imported},
};

use super::fixture::{account, append, at, headers, read_all, stream, versions};

/// An event of the year 2001 with everything that an event can have.
fn old_event(stream: &StreamId, version: u64) -> RecordedEvent {
    let recorded_at =
        SystemTime::UNIX_EPOCH + Duration::from_micros(1_000_000_000_000_001 + version);
    let metadata = Metadata::new(
        Some(format!("request {version}")),
        Some(EventId::random()),
        Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
        headers([("tenant", "north")]),
    );
    RecordedEvent::new(
        EventId::random(),
        stream.clone(),
        Version::new(version),
        Position::new(700 - version),
        "Happened",
        format!(r#"{{"n":{version}}}"#),
        recorded_at,
    )
    .schema_version(3)
    .metadata(metadata)
}

/// Two streams, interleaved, as they lie in the log of another store.
fn history() -> Vec<RecordedEvent> {
    let (ann, bob) = (account("ann"), stream("order", "17"));
    [(&ann, 1), (&bob, 1), (&ann, 2), (&ann, 3), (&bob, 2)]
        .map(|(stream, version)| old_event(stream, version))
        .into()
}

async fn import<S: Import>(store: &S, events: &[RecordedEvent]) -> Imported {
    store.import(events).await.expect("imports")
}

async fn rejected<S: Import>(store: &S, events: &[RecordedEvent]) -> ImportError {
    store.import(events).await.expect_err("is rejected")
}

/// Id, version, time, schema version and metadata are those of the other store; positions rise in the order given.
pub async fn an_import_keeps_everything_but_the_position<S: Import>(store: S) {
    let history = history();
    assert_eq!(import(&store, &history).await, Imported::new(5, 0));
    let mut log = read_all(&store, &[], Slices::ALL, 2).await;
    assert!(log.is_sorted_by_key(|event| event.position));
    for (event, old) in log.iter_mut().zip(&history) {
        event.position = old.position;
    }
    assert_eq!(log, history);

    // A service goes on where the history ends.
    let ann = account("ann");
    store.append(append(&ann, at(3), 1)).await.expect("appends");
    assert_eq!(versions(&store, &ann).await, [1, 2, 3, 4]);
}

/// What is there is passed over, also behind events that were appended since.
pub async fn an_import_is_run_again_after_an_interruption<S: Import>(store: S) {
    let history = history();
    import(&store, &history[..2]).await;
    assert_eq!(import(&store, &history).await, Imported::new(3, 2));
    store
        .append(append(&account("ann"), at(3), 1))
        .await
        .expect("appends");
    assert_eq!(import(&store, &history).await, Imported::new(0, 5));
    let twice = [&history[..], &history[..]].concat();
    assert_eq!(import(&store, &twice).await, Imported::new(0, 10));
    assert_eq!(import(&store, &[]).await, Imported::default());
    assert_eq!(read_all(&store, &[], Slices::ALL, 10).await.len(), 6);
}

/// A gap, version 0 and another event at a version are named, and the events before them are not added.
pub async fn an_import_that_does_not_continue_a_stream_adds_nothing<S: Import>(store: S) {
    let ann = account("ann");
    let first = old_event(&ann, 1);
    let head_before = |error| match error {
        ImportError::Gap {
            stream,
            version,
            head,
            ..
        } => (stream, version.get(), head.get()),
        other => panic!("{other}"),
    };
    let gap = rejected(&store, &[first.clone(), old_event(&ann, 3)]).await;
    assert_eq!(head_before(gap), (ann.clone(), 3, 1));
    let zero = rejected(&store, &[old_event(&ann, 0)]).await;
    assert_eq!(head_before(zero), (ann.clone(), 0, 0));
    assert_eq!(versions(&store, &ann).await, [0_u64; 0]);

    import(&store, std::slice::from_ref(&first)).await;
    let bob = account("bob");
    let other = rejected(&store, &[old_event(&bob, 1), old_event(&ann, 1)]).await;
    assert!(
        matches!(&other, ImportError::OtherEvent { stream, version, found, .. }
            if *stream == ann && version.get() == 1 && *found == first.id),
        "{other}"
    );
    assert_eq!(versions(&store, &bob).await, [0_u64; 0]);
    assert_eq!(versions(&store, &ann).await, [1]);
}

/// The same limits as for an append. The payload must be JSON.
pub async fn an_imported_event_beyond_a_limit_is_rejected<S: Import>(store: S) {
    let ann = account("ann");
    let with = |change: fn(&mut RecordedEvent)| {
        let mut event = old_event(&ann, 1);
        change(&mut event);
        event
    };
    let nul = rejected(
        &store,
        &[with(|event| event.payload = r#""\u0000""#.into())],
    )
    .await;
    assert!(
        matches!(
            &nul,
            ImportError::Limit {
                source: LimitError::Nul { .. },
                ..
            }
        ),
        "{nul}"
    );
    let untyped = rejected(&store, &[with(|event| event.event_type = "".into())]).await;
    assert!(matches!(untyped, ImportError::Limit { .. }), "{untyped}");
    let unversioned = rejected(&store, &[with(|event| event.schema_version = 0)]).await;
    assert!(
        matches!(unversioned, ImportError::Limit { .. }),
        "{unversioned}"
    );
    let broken = rejected(&store, &[with(|event| event.payload = "{".into())]).await;
    assert!(matches!(broken, ImportError::Payload { .. }), "{broken}");
    let named = with(|event| {
        event.metadata.headers.insert(String::new(), String::new());
    });
    let named = rejected(&store, &[named]).await;
    assert!(matches!(named, ImportError::Header { .. }), "{named}");
    assert_eq!(versions(&store, &ann).await, [0_u64; 0]);
}
