//! Guarantees of the [`Discards`] port.

use std::time::{Duration, SystemTime};

use cqrs_core::{
    EventId, Position, StreamId, Version,
    model::Offset,
    ports::{Discarded, DiscardedEvent, Discards, MAX_KEPT_BYTES, TopicRecord},
};

use super::fixture::account;

fn discarded(subscription: &str, version: u64, reason: &str) -> Discarded {
    Discarded::event(subscription, event(version), reason)
}

fn event(version: u64) -> DiscardedEvent {
    let stream: StreamId = account("ann");
    let version = Version::new(version);
    DiscardedEvent::new(stream, version, Position::new(7), EventId::random())
}

fn record(
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: &[(&str, Option<&'static [u8]>)],
) -> TopicRecord {
    let owned = |(name, value): &(&str, Option<&'static [u8]>)| {
        ((*name).to_owned(), value.map(bytes::Bytes::from_static))
    };
    let headers = headers.iter().map(owned);
    TopicRecord::new("shop.order", 3, Offset::new(41), key, value, headers)
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

/// Records come back byte by byte, with and without their event, up to the limit.
pub async fn discarded_records_are_kept_as_bytes<S: Discards>(store: S) {
    let binary: &[u8] = &[0, 0xff, b'\'', b'{', b'"'];
    let headers = [
        ("ce_id", Some(&b"1"[..])),
        ("ce_id", None),
        ("", Some(&b""[..])),
        ("ünïcode", Some(&[0, 0xff][..])),
    ];
    let large = vec![7; MAX_KEPT_BYTES + 1];
    let cut = record(Some(&large), Some(&large), &[]);
    assert!(cut.truncated);
    assert_eq!(
        cut.value.as_ref().map(bytes::Bytes::len),
        Some(MAX_KEPT_BYTES)
    );
    let records = [
        (record(None, None, &[]), None),
        (record(Some(b""), Some(binary), &headers), None),
        (record(Some(binary), Some(b"{}"), &headers), Some(event(1))),
        (cut, None),
    ];
    let mut written = Vec::new();
    for (record, event) in records {
        let discarded = Discarded::record("orders", record, event, "not ours");
        let mut transaction = store.begin().await.expect("begins");
        store
            .discard_in(&mut transaction, &discarded)
            .await
            .expect("records");
        store.commit(transaction).await.expect("commits");
        written.push(discarded);
    }
    let found = store.discarded("orders").await.expect("reads");
    let found = found.into_iter().zip(&written);
    let found = Vec::from_iter(found.map(|(found, written)| found.at(written.at)));
    assert_eq!(found, written);
}
