//! Guarantees of the [`EventStore`] port for concurrent writers: each gets the right result for its own append.

use std::collections::HashMap;

use cqrs_core::{
    EventId, EventStore, ExpectedVersion, RecordedEvent, StreamId,
    model::Slices,
    ports::{Append, AppendError, Appended, Appends},
};
use tokio::task::JoinSet;

use super::fixture::{
    account, append, at, event_ids, give_up_after, key, read_all, stream, versions,
};

/// Concurrent appends to one stream and to several, with right and wrong expectations, with and without keys. The events of
/// acknowledged appends are in the log at the returned place; those of rejected appends are not.
pub async fn each_of_many_concurrent_appends_gets_its_own_result<S: EventStore>(store: S) {
    let mut given = Vec::new();
    for round in 0..3 {
        let mut writers = JoinSet::new();
        for n in 0..200 {
            let store = store.clone();
            let appends = mixed(round, n);
            writers.spawn(async move { (appends.clone(), store.append_all(appends).await) });
        }
        given.extend(writers.join_all().await);
    }
    let log = read_all(&store, &[], Slices::ALL, 250).await;
    let by_id: HashMap<EventId, &RecordedEvent> = log.iter().map(|e| (e.id, e)).collect();
    let mut acknowledged = 0;
    for (appends, outcome) in &given {
        match outcome {
            Ok(appended) => acknowledged += written(&by_id, appends, appended),
            Err(error) => check_rejected(&store, &by_id, appends, error).await,
        }
    }
    assert_eq!(log.len(), acknowledged, "nothing else is in the log");
    let rejections = given.iter().filter(|(_, outcome)| outcome.is_err()).count();
    assert!(
        (50..400).contains(&rejections),
        "{rejections} of {}",
        given.len()
    );
}

/// The `n`-th append of a round, over twenty streams.
fn mixed(round: usize, n: usize) -> Appends {
    let nth = |n: usize| account(&format!("{}", n % 20));
    let one = nth(n);
    match n % 8 {
        0 => append(&one, ExpectedVersion::Any, 1).into(),
        1 => append(&one, ExpectedVersion::NoStream, 2).into(),
        2 => append(&one, at((round * 20 + n / 20) as u64), 1).into(),
        3 => append(&one, ExpectedVersion::StreamExists, 3).into(),
        4 => [
            append(&one, ExpectedVersion::Any, 2),
            append(&nth(n * 7 + 1), ExpectedVersion::Any, 1),
        ]
        .into(),
        5 => [
            append(&nth(n + 3), at(0), 0),
            append(&one, ExpectedVersion::Any, 1),
        ]
        .into(),
        6 => {
            let named = key(&format!("{round} {}", n / 16), 1);
            Appends::from(append(
                &stream("named", &format!("{}", n / 16)),
                ExpectedVersion::Any,
                2,
            ))
            .once(named)
        }
        _ => append(&one, foreign((n / 8 % 2) as u64), 1).into(),
    }
}

/// An event that is in no stream, at a version that a stream may have.
fn foreign(version: u64) -> ExpectedVersion {
    ExpectedVersion::LastEvent(
        cqrs_core::Version::new(version),
        EventId::from_uuid(uuid::Uuid::nil()),
    )
}

/// Checks an acknowledged append against the log, and returns the number of events that it wrote.
fn written(
    log: &HashMap<EventId, &RecordedEvent>,
    appends: &Appends,
    appended: &[Appended],
) -> usize {
    assert_eq!(appends.streams.len(), appended.len());
    let repeated = appended.iter().any(|one| one.repeated);
    let mut count = 0;
    for (append, one) in appends.streams.iter().zip(appended) {
        assert_eq!((&append.stream, repeated), (&one.stream, one.repeated));
        assert_eq!(one.version, one.before.plus(append.events.len() as u64));
        let found: Vec<_> = event_ids(append)
            .iter()
            .filter_map(|id| log.get(id).copied())
            .collect();
        if repeated {
            assert!(found.is_empty(), "a repeat has appended {found:?}");
            continue;
        }
        assert!(expectation_held(append, one), "{append:?} {one:?}");
        let places = found.iter().map(|event| (&event.stream, event.version));
        let expected = (1..).map(|n| (&append.stream, one.before.plus(n)));
        assert!(
            places.eq(expected.take(append.events.len())),
            "{append:?} {one:?}"
        );
        assert_eq!(found.last().map(|event| event.position), one.position);
        count += found.len();
    }
    count
}

fn expectation_held(append: &Append, one: &Appended) -> bool {
    match append.expected {
        // The last event at that time is unknown here: `another_event_at_the_same_version_is_rejected` tests this.
        ExpectedVersion::LastEvent(..) => false,
        expected => expected.allows(one.before, None),
    }
}

/// Checks that a rejected append wrote nothing and that its conflict is real.
async fn check_rejected<S: EventStore>(
    store: &S,
    log: &HashMap<EventId, &RecordedEvent>,
    appends: &Appends,
    error: &AppendError,
) {
    let AppendError::Conflict(conflict) = error else {
        panic!("{appends:?} should succeed or conflict, but: {error}");
    };
    let mut ids = appends.streams.iter().flat_map(event_ids);
    assert!(ids.all(|id| !log.contains_key(&id)), "a part was written");
    let named = |append: &&Append| append.stream == conflict.stream;
    let append = appends
        .streams
        .iter()
        .find(named)
        .expect("a stream of the append");
    assert_eq!(append.expected, conflict.expected);
    assert!(
        !conflict.expected.allows(conflict.actual, None),
        "{conflict}"
    );
    let now = versions(store, &conflict.stream).await.len() as u64;
    assert!(conflict.actual.get() <= now, "{conflict}, now at {now}");
}

/// Detects stores whose isolation level fails unrelated appends: concurrent appends to new streams never conflict.
pub async fn fresh_streams_do_not_conflict_with_each_other<S: EventStore>(store: S) {
    for round in 0..4 {
        let mut writers = JoinSet::new();
        for n in 0..64 {
            let stream = account(&format!("{round} {n}"));
            let store = store.clone();
            writers.spawn(async move {
                for version in 0..3 {
                    let next = append(&stream, at(version), 1);
                    store.append(next).await.expect("nobody else writes here");
                }
            });
        }
        writers.join_all().await;
    }
}

/// A call that is dropped at any point has appended to all its streams or to none.
pub async fn a_dropped_append_has_written_all_or_nothing<S: EventStore>(store: S) {
    let mut callers = JoinSet::new();
    for caller in 0..8 {
        let store = store.clone();
        callers.spawn(async move {
            for n in 0..24 {
                stop_waiting(&store, &format!("{caller} {n}"), 1 << (n / 2)).await;
            }
        });
    }
    callers.join_all().await;
}

/// Drops an append, then finds out whether it happened: by an append that excludes it, or by a repeat under its key.
async fn stop_waiting<S: EventStore>(store: &S, id: &str, polls: usize) {
    let one = stream("dropped", id);
    let other = stream("with-it", id);
    let both = || [append(&one, at(0), 3), append(&other, at(0), 2)];
    drop(give_up_after(polls, store.append_all(both().into())).await);
    let settled = store.append_all(both().into()).await;
    assert!(
        matches!(settled, Ok(_) | Err(AppendError::Conflict(_))),
        "{settled:?}"
    );
    let stored = async |stream: &StreamId| versions(store, stream).await.len();
    assert_eq!((stored(&one).await, stored(&other).await), (3, 2));

    let one = stream("named", id);
    let other = stream("with-it-named", id);
    let named = key(id, 7);
    let both = || {
        let any = ExpectedVersion::Any;
        Appends::from([append(&one, any, 3), append(&other, any, 2)]).once(named.clone())
    };
    drop(give_up_after(polls, store.append_all(both())).await);
    store.append_all(both()).await.expect("appends or repeats");
    let stored = async |stream: &StreamId| versions(store, stream).await.len();
    assert_eq!((stored(&one).await, stored(&other).await), (3, 2));
}
