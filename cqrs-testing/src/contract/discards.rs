//! Guarantees of the [`Discards`] port.

use std::time::{Duration, SystemTime};

use cqrs_core::{
    EventId, Position, StreamId, Version,
    ports::{Discarded, Discards},
};

use super::fixture::account;

fn discarded(subscription: &str, version: u64, reason: &str) -> Discarded {
    let stream: StreamId = account("ann");
    let version = Version::new(version);
    Discarded::new(
        subscription,
        stream,
        version,
        Position::new(7),
        EventId::random(),
        reason,
    )
}

/// What was committed is found, in order, for its own subscription only. A rollback leaves nothing.
pub async fn discarded_events_are_kept_with_their_reason<S: Discards>(store: S) {
    let first = discarded("balances", 1, "a test wrote it, in March");
    let second = discarded("balances", 2, "\"quoted\" and ünïcode");
    for (event, commits) in [
        (&first, true),
        (&discarded("balances", 9, "no"), false),
        (&second, true),
    ] {
        let mut transaction = store.begin().await.expect("begins");
        store
            .discard_in(&mut transaction, event)
            .await
            .expect("records");
        if commits {
            store.commit(transaction).await.expect("commits");
        } else {
            store.rollback(transaction).await.expect("rolls back");
        }
    }
    let found = store.discarded("balances").await.expect("reads");
    let now = SystemTime::now();
    let minute = Duration::from_secs(60);
    assert!(
        found
            .iter()
            .all(|found| found.at < now + minute && found.at > now - minute)
    );
    let found = Vec::from_iter(
        found
            .into_iter()
            .zip([&first, &second])
            .map(|(found, expected)| found.at(expected.at)),
    );
    assert_eq!(found, [first, second]);
    assert_eq!(store.discarded("others").await.expect("reads"), []);
}
