//! Small words for the contract.

use bytes::Bytes;

use crate::{
    Append, Category, EventId, EventStore, ExpectedVersion, LogQuery, Metadata, NewEvent, Position,
    Reads, RecordedEvent, Slices, StreamId, Version, WriteError,
};

pub(super) fn stream(category: &str, id: &str) -> StreamId {
    StreamId::new(Category::new(category).expect("a valid category"), id).expect("a valid id")
}

pub(super) fn account(id: &str) -> StreamId {
    stream("account", id)
}

pub(super) fn event(event_type: &'static str, payload: &'static str) -> NewEvent {
    let payload = Bytes::from_static(payload.as_bytes());
    NewEvent {
        id: EventId::random(),
        event_type,
        payload,
        metadata: Metadata::default(),
    }
}

pub(super) fn append(stream: &StreamId, expected: ExpectedVersion, count: usize) -> Append {
    let events = (0..count)
        .map(|_| event("Happened", r#"{"n":1}"#))
        .collect();
    Append {
        stream: stream.clone(),
        expected,
        events,
    }
}

pub(super) fn at(version: u64) -> ExpectedVersion {
    ExpectedVersion::Exact(Version::new(version))
}

pub(super) async fn versions<S: EventStore>(store: &S, stream: &StreamId) -> Vec<u64> {
    let events = store
        .read_stream(stream, Version::EMPTY)
        .await
        .expect("reads");
    events.iter().map(|event| event.version.get()).collect()
}

/// The whole log that matches, read in pages of `limit` until there is no more.
pub(super) async fn read_all<S: EventStore>(
    store: &S,
    reads: &[Reads],
    slices: Slices,
    limit: usize,
) -> Vec<RecordedEvent> {
    let (mut after, mut events) = (Position::START, Vec::new());
    loop {
        let page = store
            .read_log(LogQuery {
                after,
                reads,
                slices,
                limit,
            })
            .await
            .expect("reads");
        assert!(
            page.events.len() <= limit,
            "a page holds no more than asked for"
        );
        let Some(upto) = page.upto else { return events };
        assert!(upto.offset.get() > after.get(), "a page goes on");
        after = Position::new(upto.offset.get());
        events.extend(page.events);
    }
}

#[track_caller]
pub(super) fn conflict<T: std::fmt::Debug>(
    result: Result<T, WriteError>,
) -> (u64, ExpectedVersion) {
    match result {
        Err(WriteError::Conflict(conflict)) => (conflict.actual.get(), conflict.expected),
        other => panic!("a conflict was expected, not {other:?}"),
    }
}

#[track_caller]
pub(super) fn fenced<T: std::fmt::Debug>(result: &Result<T, WriteError>) {
    assert!(
        matches!(result, Err(WriteError::Fenced { .. })),
        "a fence was expected, not {result:?}"
    );
}
