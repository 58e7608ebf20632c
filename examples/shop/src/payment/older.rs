//! A declined payment of schema version 1, as it was stored: whoever reads it gets it as it is today.

use cqrs_core::{
    CommandStore, EventId, ExpectedVersion, MemoryEventStore, Metadata, ReadModel, Runner,
    StreamId, View,
    model::NewEvent,
    ports::{Append, EventStore},
};

use super::{
    PaymentAccounts, PaymentEvent,
    aggregate::{Payment, PaymentCommand},
};
use crate::notification::{Track, Tracking, tracking::Money};

const DECLINED_1: &str = include_str!("declined-1.json");

/// A store with that event, of order `o-1`.
async fn store() -> MemoryEventStore {
    let store = MemoryEventStore::default();
    let declined = NewEvent::from_parts(
        EventId::random(),
        "Declined",
        DECLINED_1.trim_end(),
        Metadata::default(),
    );
    let stream = StreamId::of::<PaymentEvent>("o-1").expect("a valid id");
    let append = Append::new(
        stream,
        ExpectedVersion::NoStream,
        vec![declined.schema_version(1)],
    );
    store.append(append).await.expect("appends");
    store
}

#[tokio::test]
async fn the_aggregate_goes_on_from_an_older_event() {
    let payments = store().await.repository::<Payment>();
    let cancelled = payments
        .execute("o-1", PaymentCommand::Cancel)
        .await
        .expect("is accepted");
    assert_eq!(cancelled.events, [PaymentEvent::Voided {}]);
}

#[tokio::test]
async fn a_view_shows_an_older_event() {
    let store = store().await;
    let account = document(&store, PaymentAccounts).await;
    assert!(account.declined);
}

/// As over the topic: a consumer gets the event as it was stored, and upcasts it itself.
#[tokio::test]
async fn another_service_reads_the_field_that_an_older_event_lacks() {
    let expected = Track {
        money: Some(Money::Declined),
        limit_cents: Some(36_000),
        ..Track::default()
    };
    assert_eq!(document(&store().await, Tracking).await, expected);
}

/// The document of order `o-1`.
async fn document<V: View>(store: &MemoryEventStore, view: V) -> V::Document {
    Runner::over_log(store, view)
        .expect("a runner")
        .catch_up()
        .await
        .expect("catches up");
    let model = ReadModel::<V, _>::new(store);
    model
        .get("o-1")
        .await
        .expect("is read")
        .expect("a document")
}
