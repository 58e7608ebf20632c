//! Guarantees of the [`EventStore`] port for idempotency keys: an append under a key is made at most once.

use cqrs_core::{
    EventStore, ExpectedVersion,
    model::{Idempotency, Slices},
    ports::{Appended, Appends, CommitError},
};

use super::fixture::{
    account, append, at, conflict, in_a_transaction, key, read_all, stream, versions,
};

/// A repeat appends nothing and returns the first result. Its expected version no longer matches, because the first append
/// moved the stream. That is not a conflict.
pub async fn a_repeat_under_a_key_returns_the_first_result<S: EventStore>(store: S) {
    for (n, appends) in [one as fn() -> Appends, several].into_iter().enumerate() {
        let named = key(&format!("request {n}"), 7);
        let first = store.append_all(appends().once(named.clone())).await;
        let first = first.expect("appends");
        assert!(first.iter().all(|one| !one.repeated));
        let log = read_all(&store, &[], Slices::ALL, 100).await;
        // Another writer appends in between.
        let meanwhile = append(&first[0].stream, ExpectedVersion::Any, 1);
        store.append(meanwhile).await.expect("appends");
        for _ in 0..3 {
            let again = store.append_all(appends().once(named.clone())).await;
            assert_eq!(again.expect("is a repeat"), repeated(&first));
        }
        let in_transaction = in_a_transaction(&store, appends().once(named)).await;
        assert_eq!(in_transaction.expect("is a repeat"), repeated(&first));
        let now = read_all(&store, &[], Slices::ALL, 100).await;
        assert_eq!(now.len(), log.len() + 1);
    }
}

/// A key belongs to one command: another command under it is rejected and writes nothing.
pub async fn another_command_under_a_used_key_is_rejected<S: EventStore>(store: S) {
    let ours = key("request", u64::MAX);
    let theirs = key("request", 0);
    let bob = account("bob");
    let appends = |named: &Idempotency| Appends::from(append(&bob, at(0), 1)).once(named.clone());
    let alice = Appends::from(append(&account("alice"), at(0), 1)).once(ours.clone());
    store.append_all(alice).await.expect("appends");
    is_reused(&theirs, store.append_all(appends(&theirs)).await);
    is_reused(&theirs, in_a_transaction(&store, appends(&theirs)).await);
    is_reused(&theirs, store.appended_under(&theirs).await);
    assert_eq!(read_all(&store, &[], Slices::ALL, 10).await.len(), 1);
    // The key is checked before the version, as for a repeat.
    let conflicting = Appends::from(append(&bob, at(9), 1)).once(theirs.clone());
    is_reused(&theirs, store.append_all(conflicting).await);
}

/// The appends under a key can be looked up.
pub async fn the_appends_under_a_key_can_be_looked_up<S: EventStore>(store: S) {
    let named = key("request", 7);
    assert_eq!(store.appended_under(&named).await.expect("looks up"), None);
    let appends = several().once(named.clone());
    let first = store.append_all(appends).await.expect("appends");
    let found = store.appended_under(&named).await.expect("looks up");
    assert_eq!(found, Some(repeated(&first)));
    let another = store.appended_under(&key("request 2", 7)).await;
    assert_eq!(another.expect("looks up"), None);
}

/// A key commits with the transaction that used it, and is free again after a rollback.
pub async fn a_key_commits_with_its_transaction<S: EventStore>(store: S) {
    let named = key("request", 7);
    let appends = || several().once(named.clone());
    let mut undone = store.begin().await.expect("begins");
    store
        .append_in(&mut undone, appends())
        .await
        .expect("appends");
    store.rollback(undone).await.expect("rolls back");
    let mut dropped = store.begin().await.expect("begins");
    store
        .append_in(&mut dropped, appends())
        .await
        .expect("appends");
    drop(dropped);
    assert_eq!(store.appended_under(&named).await.expect("looks up"), None);

    let mut kept = store.begin().await.expect("begins");
    let first = store.append_in(&mut kept, appends()).await;
    let places = |all: &[Appended]| -> Vec<_> {
        all.iter()
            .map(|one| (one.before, one.version, one.repeated))
            .collect()
    };
    let first = places(&first.expect("the key is free"));
    assert!(first.iter().all(|(.., repeated)| !repeated));
    // The transaction finds its own key before it commits.
    let again = store
        .append_in(&mut kept, appends())
        .await
        .expect("is a repeat");
    assert!(again.iter().all(|one| one.repeated));
    store.commit(kept).await.expect("commits");
    let later = store.append_all(appends()).await.expect("is a repeat");
    assert_eq!(places(&later), places(&again));
    assert_eq!(read_all(&store, &[], Slices::ALL, 10).await.len(), 3);
}

/// A request without events also uses its key: a repeat returns the same empty result, even if it would append events now.
pub async fn a_key_without_events_is_stored_too<S: EventStore>(store: S) {
    let alice = account("alice");
    let named = key("request", 7);
    store
        .append(append(&alice, at(0), 2))
        .await
        .expect("appends");
    let nothing = Appends::from(append(&alice, at(2), 0)).once(named.clone());
    let first = store.append_all(nothing).await.expect("checks");
    assert_eq!((first[0].version.get(), first[0].position), (2, None));
    let something = Appends::from(append(&alice, at(2), 3)).once(named);
    let again = store.append_all(something).await.expect("is a repeat");
    assert_eq!(again, repeated(&first));
    assert_eq!(versions(&store, &alice).await, [1, 2]);
}

/// A conflict writes nothing, so its key stays free for the next attempt.
pub async fn a_rejected_append_leaves_its_key_free<S: EventStore>(store: S) {
    let alice = account("alice");
    let named = key("request", 7);
    let appends = |version| Appends::from(append(&alice, at(version), 1)).once(named.clone());
    assert_eq!(conflict(store.append_all(appends(3)).await), (0, at(3)));
    let rejected = in_a_transaction(&store, appends(3)).await;
    assert_eq!(conflict(rejected), (0, at(3)));
    assert_eq!(store.appended_under(&named).await.expect("looks up"), None);
    let appended = store.append_all(appends(0)).await.expect("appends");
    assert!(!appended[0].repeated);
}

fn one() -> Appends {
    append(&account("alice"), at(0), 2).into()
}

/// Two streams with events, not in the order of their names, and a read-only participant.
fn several() -> Appends {
    let read_only = append(&stream("rate", "eur"), ExpectedVersion::NoStream, 0);
    [
        append(&account("carol"), at(0), 1),
        read_only,
        append(&account("bob"), at(0), 2),
    ]
    .into()
}

/// The result of a repeat.
pub(super) fn repeated(first: &[Appended]) -> Vec<Appended> {
    first.iter().cloned().map(Appended::repeated).collect()
}

#[track_caller]
pub(super) fn is_reused<T: std::fmt::Debug, E: Into<CommitError>>(
    named: &Idempotency,
    outcome: Result<T, E>,
) {
    match outcome.map_err(Into::into) {
        Err(CommitError::KeyReused(reused)) => assert_eq!(reused.key, named.key),
        other => panic!("a reused key was expected, not {other:?}"),
    }
}
