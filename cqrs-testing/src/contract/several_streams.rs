//! Guarantees of the [`EventStore`] port for appends to several streams.

use cqrs_core::{
    EventId, EventStore, ExpectedVersion, Version,
    model::{Conflict, Slices},
    ports::{Append, AppendError, Appends},
};
use tokio::task::JoinSet;

use super::fixture::{account, append, at, conflict, event_ids, key, read_all, stream, versions};

/// An append writes to all streams or to none. Its conflict names a stream that is not at the expected version, with that
/// stream's version.
pub async fn an_append_to_several_streams_succeeds_or_names_a_conflict<S: EventStore>(store: S) {
    let ids = ["alice", "bob", "carol", "dave"].map(account);
    for (stream, count) in ids.iter().zip(1..) {
        let filled = append(stream, at(0), count);
        store.append(filled).await.expect("appends");
    }
    let is_at = [1, 2, 3, 4];
    for wrong in 1..16_u8 {
        let expects = |n: usize| {
            if wrong >> n & 1 == 1 {
                is_at[n] + 7
            } else {
                is_at[n]
            }
        };
        // The last stream is a read-only participant.
        let all = [0, 1, 2, 3].map(|n| append(&ids[n], at(expects(n)), usize::from(n < 3)));
        let rejected = named_conflict(store.append_all(all.into()).await);
        let named = ids.iter().position(|stream| *stream == rejected.stream);
        let named = named.expect("a stream of the append");
        assert_eq!(
            wrong >> named & 1,
            1,
            "{rejected}: the stream is as expected"
        );
        assert_eq!(rejected.actual.get(), is_at[named]);
        assert_eq!(rejected.expected, at(expects(named)));
    }
    assert_eq!(read_all(&store, &[], Slices::ALL, 100).await.len(), 10);
    let all = [0, 1, 2, 3].map(|n| append(&ids[n], at(is_at[n]), usize::from(n < 3)));
    let appended = store.append_all(all.into()).await.expect("appends");
    let places = appended
        .iter()
        .map(|one| (one.before.get(), one.version.get()));
    assert_eq!(places.collect::<Vec<_>>(), [(1, 2), (2, 3), (3, 4), (4, 4)]);
}

/// The log has the events in the order of the append, not of the streams' names, and each result has the stream's position.
pub async fn positions_rise_in_the_order_of_the_append<S: EventStore>(store: S) {
    let streams = ["m", "a", "z", "b"].map(account);
    for _ in 0..3 {
        let counts = [2, 1, 0, 3];
        let one = |n: usize| append(&streams[n], ExpectedVersion::Any, counts[n]);
        let all = [0, 1, 2, 3].map(one);
        let given: Vec<EventId> = all.iter().flat_map(event_ids).collect();
        let appended = store.append_all(all.into()).await.expect("appends");
        let log = read_all(&store, &[], Slices::ALL, 100).await;
        let newest = &log[log.len() - given.len()..];
        assert_eq!(newest.iter().map(|e| e.id).collect::<Vec<_>>(), given);
        for ((one, stream), count) in appended.iter().zip(&streams).zip(counts) {
            assert_eq!(
                (&one.stream, one.version, one.repeated),
                (stream, one.before.plus(count as u64), false)
            );
            let of_stream = newest.iter().filter(|event| event.stream == *stream);
            let of_stream: Vec<_> = of_stream.map(|e| (e.version, e.position)).collect();
            assert!(
                of_stream.is_sorted(),
                "versions and positions rise together"
            );
            assert_eq!(
                of_stream.last().copied(),
                one.position.map(|position| (one.version, position))
            );
        }
    }
}

/// After a restore other events can reach the same version: an expectation with the last event detects that.
pub async fn another_event_at_the_same_version_is_rejected<S: EventStore>(store: S) {
    let (alice, bob) = (account("alice"), account("bob"));
    let (first, other) = (append(&alice, at(0), 2), append(&bob, at(0), 2));
    let (ours, theirs) = (event_ids(&first), event_ids(&other));
    store
        .append_all([first, other].into())
        .await
        .expect("appends");
    let last = |version, id| ExpectedVersion::LastEvent(Version::new(version), id);
    for wrong in [last(2, theirs[1]), last(2, ours[0]), last(1, ours[0])] {
        assert_eq!(
            conflict(store.append(append(&alice, wrong, 1)).await),
            (2, wrong)
        );
        // With and without events, together with a stream that is as expected.
        for count in [0, 1] {
            let right = append(&bob, last(2, theirs[1]), 1);
            let both = [right, append(&alice, wrong, count)];
            assert_eq!(conflict(store.append_all(both.into()).await), (2, wrong));
        }
    }
    assert_eq!(read_all(&store, &[], Slices::ALL, 100).await.len(), 4);
    let both = [
        append(&alice, last(2, ours[1]), 1),
        append(&bob, last(2, theirs[1]), 0),
    ];
    store.append_all(both.into()).await.expect("appends");
    assert_eq!(versions(&store, &alice).await, [1, 2, 3]);
}

/// Appends with the same read-only participant do not wait for each other, even if one transaction takes long.
pub async fn appends_with_the_same_read_only_stream_do_not_wait<S: EventStore>(store: S) {
    let rate = stream("rate", "eur");
    store
        .append(append(&rate, at(0), 1))
        .await
        .expect("appends");
    let with_a_read_only_stream = |id: String| -> Appends {
        [append(&account(&id), at(0), 1), append(&rate, at(1), 0)].into()
    };
    let mut slow = store.begin().await.expect("begins");
    store
        .append_in(&mut slow, with_a_read_only_stream("slow".into()))
        .await
        .expect("appends");
    let mut writers = JoinSet::new();
    for n in 0..32 {
        let store = store.clone();
        let appends = with_a_read_only_stream(n.to_string());
        writers.spawn(async move { store.append_all(appends).await });
    }
    for outcome in writers.join_all().await {
        outcome.expect("appends without a wait");
    }
    store.commit(slow).await.expect("commits");
    assert_eq!(read_all(&store, &[], Slices::ALL, 100).await.len(), 34);
}

/// Detects write skew: of two appends that each write to the stream that the other only checks, one fails, also when many
/// pairs run concurrently.
pub async fn one_of_two_appends_that_check_each_other_succeeds<S: EventStore>(store: S) {
    let pair_of = |pair| ["alice", "bob"].map(|who| account(&format!("{who} {pair}")));
    for pair in 0..40 {
        let both = pair_of(pair).map(|stream| append(&stream, at(0), 1));
        store.append_all(both.into()).await.expect("appends");
    }
    let mut writers = JoinSet::new();
    for pair in 0..40 {
        let [alice, bob] = pair_of(pair);
        for (write, check) in [(&alice, &bob), (&bob, &alice)] {
            let appends = [append(write, at(1), 1), append(check, at(1), 0)].into();
            let store = store.clone();
            writers.spawn(async move { (pair, store.append_all(appends).await) });
        }
    }
    let outcomes = writers.join_all().await;
    for pair in 0..40 {
        let of_pair = outcomes.iter().filter(|(of, _)| *of == pair);
        let succeeded = of_pair.filter(|(_, outcome)| outcome.is_ok()).count();
        assert_eq!(succeeded, 1, "of pair {pair}");
    }
    for (_, rejected) in outcomes.into_iter().filter(|(_, outcome)| outcome.is_err()) {
        assert_eq!(conflict(rejected), (2, at(1)));
    }
    let log = read_all(&store, &[], Slices::ALL, 100).await;
    assert_eq!(log.len(), 40 * 3);
}

/// An append without streams does nothing and does not use its key.
pub async fn an_append_to_no_stream_does_nothing<S: EventStore>(store: S) {
    let none = || Appends::from(Vec::<Append>::new());
    let idempotency = key("none", 1);
    for appends in [none(), none().once(idempotency.clone())] {
        assert_eq!(
            store.append_all(appends.clone()).await.expect("is done"),
            []
        );
        let mut transaction = store.begin().await.expect("begins");
        let staged = store.append_in(&mut transaction, appends).await;
        assert_eq!(staged.expect("is done"), []);
        store.commit(transaction).await.expect("commits");
    }
    let kept = store.appended_under(&idempotency).await.expect("looks up");
    assert_eq!(kept, None);
}

#[track_caller]
fn named_conflict<T: std::fmt::Debug>(outcome: Result<T, AppendError>) -> Conflict {
    match outcome {
        Err(AppendError::Conflict(conflict)) => conflict,
        other => panic!("a conflict was expected, not {other:?}"),
    }
}
