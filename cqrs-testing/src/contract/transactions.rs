//! Guarantees of the [`EventStore`] port in a transaction of the caller.

use cqrs_core::{EventStore, StoreErrorKind, model::Slices, ports::AppendError};

use super::fixture::{
    account, append, at, conflict, give_up_after, in_a_transaction, read_all, stream, versions,
};

/// A conflict on one stream rejects the appends to all; a stream without events is a read-only participant.
pub async fn appends_to_several_streams_are_all_or_none<S: EventStore>(store: S) {
    let alice = account("alice");
    let bob = account("bob");
    let rate = stream("rate", "eur");
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
            Err(error.into())
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
    let positions = Vec::from_iter(appended.iter().map(|one| one.position));
    assert_eq!(positions, [None; 3], "no position before the commit");
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

/// A rolled back append is not in its stream and not in the log, and its version is free.
pub async fn a_rolled_back_append_leaves_no_trace<S: EventStore>(store: S) {
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

/// After a concurrent append between the read and the commit, either that append or this transaction fails.
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
        let store = store.clone();
        let append = append(&alice, at(1), 1);
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
            Err(error.into())
        }
    };
    let other = other.await.expect("no panic");
    assert_ne!(ours.is_ok(), other.is_ok(), "{ours:?} and {other:?}");
    assert_eq!(versions(&store, &alice).await, [1, 2]);
}

/// Detects write skew: a stream that the transaction only checked is unchanged when it ends, or the transaction fails.
pub async fn a_stream_checked_in_a_transaction_is_guarded_until_its_end<S: EventStore>(store: S) {
    for other_in_transaction in [false, true] {
        let name = |who: &str| account(&format!("{who} {other_in_transaction}"));
        let (alice, bob) = (name("alice"), name("bob"));
        let both = [append(&alice, at(0), 1), append(&bob, at(0), 1)];
        store.append_all(both.into()).await.expect("appends");
        let mut transaction = store.begin().await.expect("begins");
        let ours = [append(&alice, at(1), 1), append(&bob, at(1), 0)].into();
        let ours = store.append_in(&mut transaction, ours).await;
        ours.expect("both are as they were");
        let theirs = [append(&bob, at(1), 1), append(&alice, at(1), 0)].into();
        let mut other = tokio::spawn({
            let store = store.clone();
            async move {
                if other_in_transaction {
                    in_a_transaction(&store, theirs).await
                } else {
                    Ok(store.append_all(theirs).await?)
                }
            }
        });
        // In a store with locks the other transaction waits for this one; without locks it goes first.
        let first = give_up_after(10_000, &mut other).await;
        let ours = store.commit(transaction).await;
        let theirs = match first {
            Some(theirs) => theirs.expect("no panic"),
            None => other.await.expect("no panic"),
        };
        assert_ne!(ours.is_ok(), theirs.is_ok(), "{ours:?} and {theirs:?}");
        let written = versions(&store, &alice).await.len() + versions(&store, &bob).await.len();
        assert_eq!(written, 3);
    }
}

/// Naming a stream twice in one append is an error.
pub async fn a_stream_twice_in_one_append_is_rejected<S: EventStore>(store: S) {
    let alice = account("alice");
    let mut transaction = store.begin().await.expect("begins");
    let twice = [append(&alice, at(0), 1), append(&alice, at(1), 1)];
    let error = store
        .append_in(&mut transaction, twice.into())
        .await
        .expect_err("rejected");
    assert!(
        matches!(&error, AppendError::Store(e) if e.kind() == StoreErrorKind::InvalidInput),
        "{error:?}"
    );
}

/// A transaction writes to the store that it was begun on, whichever store commits it.
pub async fn a_transaction_writes_where_it_was_begun<S: EventStore>(store: S, other: S) {
    let alice = account("alice");
    let mut transaction = store.begin().await.expect("begins");
    store
        .append_in(&mut transaction, append(&alice, at(0), 1).into())
        .await
        .expect("appends");
    other.commit(transaction).await.expect("commits");
    assert_eq!(versions(&store, &alice).await, [1]);
    assert_eq!(versions(&other, &alice).await, [0_u64; 0]);
}
