//! Helpers for the contract tests.

use std::{error::Error, future::poll_fn, pin::pin, task::Poll};

use bytes::Bytes;
use cqrs_core::{
    EventId, EventStore, ExpectedVersion, IdempotencyKey, Metadata, Position, RecordedEvent,
    StoreError, StoreErrorKind, StreamId, Version,
    model::{Category, Claim, EventFilter, Headers, Idempotency, NewEvent, PartitionId, Slices},
    ports::{Append, AppendError, Appended, Appends, CommitError, LogQuery, Partitions},
};

pub(super) fn stream(category: &str, id: &str) -> StreamId {
    StreamId::new(Category::new(category).expect("a valid category"), id).expect("a valid id")
}

pub(super) fn account(id: &str) -> StreamId {
    stream("account", id)
}

pub(super) fn event(event_type: &'static str, payload: &'static str) -> NewEvent {
    let payload = Bytes::from_static(payload.as_bytes());
    NewEvent::from_parts(EventId::random(), event_type, payload, Metadata::default())
}

pub(super) fn headers<const N: usize>(headers: [(&str, &str); N]) -> Headers {
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    headers.into_iter().map(owned).collect()
}

pub(super) fn append(stream: &StreamId, expected: ExpectedVersion, count: usize) -> Append {
    let events = (0..count)
        .map(|_| event("Happened", r#"{"n":1}"#))
        .collect();
    Append::new(stream.clone(), expected, events)
}

pub(super) fn event_ids(append: &Append) -> Vec<EventId> {
    append.events.iter().map(|event| event.id).collect()
}

pub(super) fn key(key: &str, fingerprint: u64) -> Idempotency {
    let key = IdempotencyKey::new(key).expect("a valid key");
    Idempotency::new(key, fingerprint)
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

/// All matching events of the log, read in pages of `limit`.
pub(super) async fn read_all<S: EventStore>(
    store: &S,
    reads: &[EventFilter],
    slices: Slices,
    limit: usize,
) -> Vec<RecordedEvent> {
    let mut after = Position::START;
    let mut events = Vec::new();
    loop {
        let page = store
            .read_log(LogQuery::new(after, limit).reads(reads).slices(slices))
            .await
            .expect("reads");
        assert!(
            page.events.len() <= limit,
            "a page has at most `limit` events"
        );
        let Some(upto) = page.upto else { return events };
        assert!(
            upto.offset.get() > after.get(),
            "a page ends after the previous one"
        );
        after = Position::new(upto.offset.get());
        events.extend(page.events);
    }
}

/// Appends in a transaction of its own.
pub(super) async fn in_a_transaction<S: EventStore>(
    store: &S,
    appends: Appends,
) -> Result<Vec<Appended>, CommitError> {
    let mut transaction = store.begin().await?;
    match store.append_in(&mut transaction, appends).await {
        Ok(appended) => store.commit(transaction).await.map(|()| appended),
        Err(error) => {
            store.rollback(transaction).await?;
            Err(error.into())
        }
    }
}

/// The errors of every way to append an invalid event: alone, after a valid one, beside another stream, and in a transaction.
pub(super) async fn rejections<S: EventStore>(
    store: &S,
    invalidate: impl Fn(&mut NewEvent),
) -> [StoreError; 4] {
    let mut rejected = append(&account("a"), ExpectedVersion::Any, 2);
    invalidate(&mut rejected.events[1]);
    let mut alone = rejected.clone();
    alone.events.remove(0);
    let other = append(&account("b"), ExpectedVersion::Any, 1);
    let appends = Appends::from([other, rejected.clone()]);
    let mut transaction = store.begin().await.expect("begins");
    let outcomes = [
        store.append_all(alone.into()).await,
        store.append_all(rejected.into()).await,
        store.append_all(appends.clone()).await,
        store.append_in(&mut transaction, appends).await,
    ];
    store.rollback(transaction).await.expect("rolls back");
    outcomes.map(|outcome| match outcome {
        Err(AppendError::Store(error)) => error,
        other => panic!("an error of the store was expected, not {other:?}"),
    })
}

/// The input was rejected for this reason.
#[track_caller]
pub(super) fn is_invalid<E: Error + PartialEq + 'static>(error: &StoreError, reason: &E) {
    assert_eq!(error.kind(), StoreErrorKind::InvalidInput, "{error}");
    let source = error.source().and_then(|source| source.downcast_ref());
    assert_eq!(source, Some(reason), "{error}");
}

/// Polls a call at most `polls` times, whether it was woken or not, then drops it.
pub(super) async fn give_up_after<F: Future>(polls: usize, call: F) -> Option<F::Output> {
    let mut call = pin!(call);
    let mut polls = polls;
    poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending if polls <= 1 => Poll::Ready(None),
        Poll::Pending => {
            polls -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

/// Claims a partition, of a subscription that has one partition of the log.
pub(super) async fn claimed<S: Partitions>(store: &S, of: &str, partition: &PartitionId) -> Claim {
    store.subscribe(of, 1).await.expect("subscribes");
    let claim = store.claim(of, partition, None).await.expect("claims");
    claim.expect("it is there")
}

#[track_caller]
pub(super) fn conflict<T: std::fmt::Debug, E: Into<CommitError>>(
    result: Result<T, E>,
) -> (u64, ExpectedVersion) {
    match result.map_err(Into::into) {
        Err(CommitError::Conflict(conflict)) => (conflict.actual.get(), conflict.expected),
        other => panic!("a conflict was expected, not {other:?}"),
    }
}

#[track_caller]
pub(super) fn fenced<T: std::fmt::Debug>(result: &Result<T, CommitError>) {
    assert!(
        matches!(result, Err(CommitError::Fenced(_))),
        "a fenced write was expected, not {result:?}"
    );
}
