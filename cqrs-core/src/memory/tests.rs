//! The contract in `tests/memory.rs` says what every store promises; this is what only a store without locks can do.

use crate::{
    Append, ExpectedVersion, MemoryEventStore, StreamId, UnitOfWork, WriteError,
    event_store::EventStore,
};

#[tokio::test]
async fn guards_are_proved_again_at_commit() {
    let store = MemoryEventStore::default();
    let stream = StreamId::new(crate::Category::new("a").expect("valid"), "b").expect("valid");
    let append = || Append {
        stream: stream.clone(),
        expected: ExpectedVersion::NoStream,
        events: vec![crate::NewEvent {
            id: crate::EventId::random(),
            event_type: "Happened",
            payload: bytes::Bytes::from_static(b"1"),
            metadata: crate::Metadata::default(),
        }],
    };
    let mut late = store.begin().await.expect("begins");
    store
        .append_in(&mut late, append().into())
        .await
        .expect("holds so far");
    store.append(append()).await.expect("is first");
    let outcome = store.commit(late).await;
    assert!(
        matches!(outcome, Err(WriteError::Conflict(_))),
        "{outcome:?}"
    );
}
