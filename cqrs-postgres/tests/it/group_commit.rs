//! Concurrent appends share a transaction, but not their results.

mod expectations;
mod full_queue;
mod guards;
mod heads;
mod outcomes;

use bytes::Bytes;
use cqrs_core::{
    EventStore, ExpectedVersion, StoreErrorKind, Version,
    ports::{Append, AppendError},
};
use cqrs_postgres::PgEventStore;

use crate::{
    proxy::Proxy,
    support::{append, fresh_store, kind, number, outcomes, start, stream},
};

/// The number of events of accounts with names like this, and the number of transactions that wrote them.
async fn written(store: &PgEventStore, like: &str) -> (i64, i64) {
    let of = format!("from __schema__.events where aggregate_id like '{like}'");
    let events = number(store, &format!("select count(*) {of}")).await;
    let transactions = format!("select count(distinct xmin::text) {of}");
    (events, number(store, &transactions).await)
}

fn expecting(id: &str, expected: ExpectedVersion) -> Append {
    append(id, 1).expecting(expected)
}

fn with_payload(id: &str, payload: &'static [u8]) -> Append {
    let mut append = append(id, 1);
    append.events[0].payload = Bytes::from_static(payload);
    append
}

#[tokio::test]
async fn concurrent_appends_share_a_transaction_not_results() {
    let store = fresh_store().await;
    store.append(append("old", 3)).await.expect("appends");
    let at = |version| ExpectedVersion::Exact(Version::new(version));
    let mut appends = vec![append("first", 1)];
    appends.extend((0..20).map(|n| append(&format!("new-{n}"), 2)));
    appends.push(expecting("old", at(2)));
    appends.extend((20..40).map(|n| expecting(&format!("new-{n}"), ExpectedVersion::NoStream)));
    appends.push(expecting("missing", ExpectedVersion::StreamExists));
    let mut outcomes = outcomes(start(&store, appends)).await;

    let missing = outcomes.pop().expect("the last").expect_err("a conflict");
    assert!(
        matches!(&missing, AppendError::Conflict(conflict) if conflict.actual == Version::EMPTY),
        "{missing:?}"
    );
    let old = outcomes.remove(21).expect_err("a conflict");
    assert!(
        matches!(&old, AppendError::Conflict(conflict)
            if conflict.stream == stream("old") && conflict.actual == Version::new(3)),
        "{old:?}"
    );
    for outcome in outcomes {
        let appended = outcome.expect("no append gets the conflict of another");
        assert!(appended[0].position.is_some());
        let version = appended[0].version;
        let events = store.read_stream(&appended[0].stream, Version::EMPTY).await;
        let events = events.expect("reads");
        assert_eq!(events.last().map(|event| event.version), Some(version));
        assert_eq!(
            events.last().map(|event| event.position),
            appended[0].position
        );
    }
    // One transaction if all appends arrive before the writer starts; never one for each.
    let (events, transactions) = written(&store, "new-%").await;
    assert_eq!(events, 60);
    assert!(
        transactions < 10,
        "40 appends in {transactions} transactions"
    );
}

#[tokio::test]
async fn an_append_that_cannot_be_stored_fails_alone() {
    let store = fresh_store().await;
    let deep: &'static [u8] = "[".repeat(200_000).leak().as_bytes();
    let mut nameless = append("rejected-correlation", 1);
    nameless.events[0].metadata.correlation_id = Some("a\0b".to_owned());
    let rejected = [
        with_payload("rejected-word", b"not JSON"),
        with_payload("rejected-empty", b""),
        with_payload("rejected-nul", b"\"a\0b\""),
        with_payload("rejected-bytes", b"\"\xff\xfe\""),
        with_payload("rejected-surrogate", b"\"\\ud800\"x"),
        with_payload("rejected-deep", deep),
        nameless,
    ];
    let count = rejected.len();
    let mut appends: Vec<_> = (0..10).map(|n| append(&format!("kept-{n}"), 1)).collect();
    appends.push(with_payload("kept-escape", br#""a\\u0000b""#));
    appends.extend(rejected);
    appends.extend((10..20).map(|n| append(&format!("kept-{n}"), 1)));
    let outcomes = outcomes(start(&store, appends)).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        let invalid = (11..11 + count)
            .contains(&n)
            .then_some(StoreErrorKind::InvalidInput);
        assert_eq!(kind(outcome), invalid, "{n}: {outcome:?}");
    }
    assert_eq!(written(&store, "kept-%").await.0, 21);
    assert_eq!(written(&store, "rejected-%").await.0, 0);
}

/// An append without concurrent ones is a single statement, on an open connection.
#[tokio::test]
async fn an_append_alone_is_one_statement() {
    let schema = fresh_store().await.schema().to_owned();
    let proxy = Proxy::start().await;
    let store = PgEventStore::connect(&proxy.config(&schema))
        .await
        .expect("connects");
    store.append(append("a", 1)).await.expect("appends");
    for (events, function) in [(1, "append_event"), (2, "append_to_one")] {
        let (connections, statements) = (proxy.connections(), proxy.statements());
        for _ in 0..10 {
            store.append(append("a", events)).await.expect("appends");
        }
        assert_eq!(proxy.connections(), connections);
        assert_eq!(proxy.statements() - statements, 10);
        let last = format!(
            "select count(*) from pg_stat_activity \
             where query like '%__schema__.{function}(%' and pid <> pg_backend_pid()"
        );
        assert_eq!(number(&store, &last).await, 1);
    }
}
