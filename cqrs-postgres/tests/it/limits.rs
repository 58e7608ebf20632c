//! The sizes that a store accepts.

use cqrs_core::{
    EventId, EventStore, ExpectedVersion, Metadata, chain,
    model::{Limits, NewEvent},
    ports::Append,
};
use cqrs_postgres::{PgConfig, PgEventStore};

use crate::support::{fresh_store, stream, url};

#[tokio::test]
async fn the_size_of_a_payload_can_be_set() {
    let store = fresh_store().await;
    let config = PgConfig::new(url()).schema(store.schema());
    let limits = Limits::default().payload_bytes(20);
    let small = PgEventStore::connect(&config.clone().limits(limits)).await;
    let small = small.expect("connects");
    let of = |bytes: usize| {
        let payload = format!("\"{}\"", "x".repeat(bytes - 2));
        let event = NewEvent::from_parts(
            EventId::random(),
            "Noted",
            bytes::Bytes::from(payload),
            Metadata::default(),
        );
        Append::new(stream("note"), ExpectedVersion::Any, vec![event])
    };
    small.append(of(20)).await.expect("appends");
    let error = small.append(of(21)).await.expect_err("is too long");
    assert!(
        chain(&error).to_string().contains("21 bytes, more than 20"),
        "{error:?}"
    );
    store.append(of(21)).await.expect("appends");
}
