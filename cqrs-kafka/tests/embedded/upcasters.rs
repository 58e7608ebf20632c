//! Older, newer and foreign events of a topic.

use std::time::Duration;

use cqrs_core::{
    DocumentKeys, Envelope, Event, EventId, EventStore, ExpectedVersion, MemoryEventStore,
    Metadata, ReadModel, Runner, StreamId, View,
    model::{NewEvent, Part, Upcaster},
    ports::Append,
};
use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    producer::{BaseProducer, BaseRecord, Producer},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::fixture::{Fixture, eventually};

/// What an order is in two releases of its reader.
macro_rules! order {
    ($events:ident, $view:ident, $steps:expr) => {
        #[derive(Debug, Serialize, Deserialize)]
        enum $events {
            Placed { note: String },
            Paid { cents: u64 },
        }

        impl Event for $events {
            const CATEGORY: &'static str = "order";
            const UPCASTERS: &'static [Upcaster] = $steps;
        }

        /// All events of an order, with their parts.
        struct $view;

        impl View for $view {
            const NAME: &'static str = "orders";
            type Events = $events;
            type Document = Vec<(String, u32)>;

            fn keys(&self, event: &Envelope<$events>) -> DocumentKeys {
                event.id().into()
            }

            fn apply(
                &self,
                _: &str,
                seen: Option<Vec<(String, u32)>>,
                event: &Envelope<$events>,
            ) -> Option<Vec<(String, u32)>> {
                let text = match &event.event {
                    $events::Placed { note } => note.clone(),
                    $events::Paid { cents } => cents.to_string(),
                };
                let mut seen = seen.unwrap_or_default();
                seen.push((text, event.part));
                Some(seen)
            }
        }
    };
}

order!(
    OrderEvent,
    Orders,
    &[
        Upcaster::json("Paid", 1, in_cents),
        Upcaster::split("Placed", 1, &[("Placed", 2), ("Paid", 1)], placed_and_paid),
    ]
);
order!(
    NewerOrderEvent,
    NewerOrders,
    &[
        Upcaster::json("Paid", 1, in_cents),
        Upcaster::json("Paid", 2, |payload| payload["cents"] =
            payload["amount"].take()),
        Upcaster::split("Placed", 1, &[("Placed", 2), ("Paid", 1)], placed_and_paid),
    ]
);

fn in_cents(payload: &mut Value) {
    let cents = payload["euros"].as_u64().map(|euros| euros * 100);
    *payload = json!({ "cents": cents, "amount": cents });
}

fn placed_and_paid(old: &Value) -> Vec<Part> {
    vec![
        Part::new("Placed", json!({ "note": old["note"] })),
        Part::new("Paid", json!({ "euros": old["euros"] })),
    ]
}

async fn append(fixture: &Fixture, events: &[(&'static str, u32, Value)]) {
    let stored = |(event_type, version, payload): &(&'static str, u32, Value)| {
        let payload = payload.to_string().into_bytes();
        NewEvent::from_parts(EventId::random(), event_type, payload, Metadata::default())
            .schema_version(*version)
    };
    let stream = StreamId::of::<OrderEvent>("7").expect("a valid id");
    let events = events.iter().map(stored).collect();
    let append = Append::new(stream, ExpectedVersion::Any, events);
    fixture.store.append(append).await.expect("appends");
}

async fn seen(store: &MemoryEventStore) -> Vec<(String, u32)> {
    let orders = ReadModel::<Orders, _>::new(store);
    orders.get("7").await.expect("reads").unwrap_or_default()
}

fn list(seen: &[(&str, u32)]) -> Vec<(String, u32)> {
    let owned = |(text, part): &(&str, u32)| ((*text).to_owned(), *part);
    seen.iter().map(owned).collect()
}

/// Detects an inbox that takes the second part for a repeat: each batch has one event, and the next begins behind the split one.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_gets_every_part_of_an_older_event() {
    let fixture = Fixture::new(1, 1);
    append(
        &fixture,
        &[
            ("Placed", 1, json!({ "note": "tea", "euros": 1 })),
            ("Placed", 1, json!({ "note": "milk", "euros": 2 })),
            ("Paid", 1, json!({ "euros": 3 })),
            ("Paid", 2, json!({ "cents": 400 })),
        ],
    )
    .await;
    fixture.relay(1, 4).await;
    let store = MemoryEventStore::default();
    for _ in 0..2 {
        let group = fixture.group("orders");
        let runner = Runner::over(&store, Orders, group.source()).expect("a view");
        runner.batch_size(1).catch_up().await.expect("catches up");
        let parts = [
            ("tea", 0),
            ("100", 1),
            ("milk", 0),
            ("200", 1),
            ("300", 0),
            ("400", 0),
        ];
        assert_eq!(seen(&store).await, list(&parts));
    }
}

/// Detects a CloudEvent of another producer that goes through the upcasters: it has no schema version, and is not old.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_event_is_not_upcast() {
    let fixture = Fixture::new(1, 1);
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", fixture.config.brokers())
        .create()
        .expect("valid settings");
    for (version, payload) in [(None, r#"{"cents":5}"#), (Some("1"), r#"{"euros":6}"#)] {
        let mut headers = OwnedHeaders::new();
        let named = [
            ("ce_specversion", Some("1.0")),
            ("ce_id", Some("a")),
            ("ce_source", Some("https://bank.example")),
            ("ce_type", Some("Paid")),
            ("ce_schemaversion", version),
        ];
        for (key, value) in named {
            if value.is_some() {
                headers = headers.insert(Header { key, value });
            }
        }
        let record = BaseRecord::to("shop.order")
            .key("7")
            .payload(payload)
            .headers(headers);
        producer.send::<str, str>(record).expect("there is room");
    }
    producer.flush(Duration::from_secs(10)).expect("delivered");
    let store = MemoryEventStore::default();
    let group = fixture.group("orders");
    let runner = Runner::over(&store, Orders, group.source()).expect("a view");
    runner.catch_up().await.expect("catches up");
    assert_eq!(seen(&store).await, list(&[("5", 0), ("600", 0)]));
}

/// A member of older code waits in front of a newer event of its partition; a member of newer code continues there.
#[tokio::test(flavor = "multi_thread")]
async fn newer_code_continues_where_a_consumer_waits() {
    let fixture = Fixture::new(1, 1);
    append(
        &fixture,
        &[
            ("Paid", 1, json!({ "euros": 1 })),
            ("Paid", 3, json!({ "cents": 2, "by": "ann" })),
            ("Paid", 1, json!({ "euros": 3 })),
        ],
    )
    .await;
    fixture.relay(1, 3).await;
    let store = MemoryEventStore::default();
    let group = fixture.group("orders");
    let older = Runner::over(&store, Orders, group.clone().source()).expect("a view");
    let progress = older.progress();
    let waits = || {
        let partitions = progress.partitions();
        partitions.values().map(|it| it.newer_events).sum::<u64>()
    };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(older.run(async {
        let _ = stopped.await;
    }));
    eventually("the older code waits", || async { waits() >= 2 }).await;
    assert_eq!(seen(&store).await, list(&[("100", 0)]));
    stop.send(()).expect("it is running");
    running
        .await
        .expect("no panic")
        .expect("it neither stopped nor failed");

    let newer = Runner::over(&store, NewerOrders, group.source()).expect("a view");
    newer.catch_up().await.expect("catches up");
    assert_eq!(
        seen(&store).await,
        list(&[("100", 0), ("2", 0), ("300", 0)])
    );
}
