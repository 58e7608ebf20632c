//! Tests of behaviour that only a store without locks has. The contract suite tests what every store guarantees.

use std::time::Duration;

use crate::{
    memory::MemoryEventStore,
    model::{
        Category, EventId, ExpectedVersion, Idempotency, IdempotencyKey, Metadata, NewEvent,
        StreamId,
    },
    ports::{Append, Appends, CommitError, EventStore, StoreErrorKind, UnitOfWork},
};

fn append(id: &str, expected: ExpectedVersion) -> Append {
    Append {
        stream: StreamId::new(Category::new("a").expect("valid"), id).expect("valid"),
        expected,
        events: vec![NewEvent {
            id: EventId::random(),
            event_type: "Happened",
            schema_version: 1,
            payload: bytes::Bytes::from_static(b"1"),
            metadata: Metadata::default(),
        }],
    }
}

fn under_a_key(id: &str, fingerprint: u64) -> Appends {
    let key = IdempotencyKey::new("request").expect("valid");
    Appends::from(append(id, ExpectedVersion::Any)).once(Idempotency { key, fingerprint })
}

#[tokio::test]
async fn commit_checks_the_guards_again() {
    let store = MemoryEventStore::default();
    let append = || append("b", ExpectedVersion::NoStream);
    let mut late = store.begin().await.expect("begins");
    store
        .append_in(&mut late, append().into())
        .await
        .expect("no conflict yet");
    store.append(append()).await.expect("is first");
    let outcome = store.commit(late).await;
    assert!(
        matches!(outcome, Err(CommitError::Conflict(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn commit_detects_a_key_that_was_used_meanwhile() {
    let store = MemoryEventStore::default();
    let staged = async |appends| {
        let mut late = store.begin().await.expect("begins");
        let staged = store.append_in(&mut late, appends).await;
        staged.expect("no conflict yet");
        late
    };
    let repeat = staged(under_a_key("repeat", 1)).await;
    let other = staged(under_a_key("other", 2)).await;
    let first = store.append_all(under_a_key("first", 1)).await;
    first.expect("is first");
    let outcome = store.commit(repeat).await;
    assert!(
        matches!(&outcome, Err(CommitError::Store(e)) if e.kind() == StoreErrorKind::Unavailable),
        "a retry then finds the repeat: {outcome:?}"
    );
    let outcome = store.commit(other).await;
    assert!(
        matches!(outcome, Err(CommitError::KeyReused(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_key_expires_after_its_retention() {
    let store = MemoryEventStore::default().idempotency_retention(Duration::ZERO);
    for fingerprint in 0..3 {
        let appends = under_a_key("b", fingerprint);
        let idempotency = appends.idempotency.clone().expect("a key");
        let appended = store.append_all(appends).await.expect("appends");
        assert_eq!(
            (appended[0].before.get(), appended[0].repeated),
            (fingerprint, false)
        );
        let looked_up = store.appended_under(&idempotency).await;
        assert_eq!(looked_up.expect("looks it up"), None);
    }
}
