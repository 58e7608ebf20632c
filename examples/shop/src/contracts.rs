//! Events are contracts: what a service writes, its readers must be able to read.
//!
//! A reader's `PARTIAL` enum ignores types that it does not know, so it would silently ignore a renamed event. These
//! tests detect that.

use std::{fmt::Debug, time::SystemTime};

use cqrs_core::{
    Event, Metadata, Position, RecordedEvent, StreamId, Version,
    model::{Decoded, NewEvent},
    roles::Events,
};

use crate::{
    inventory::{self, StockEvent},
    notification::{notifying, tracking},
    order::{Line, OrderEvent, Reason, answers},
    payment::{PaymentEvent, charging},
    shipping::{ShipmentEvent, dispatching},
};

/// The event as the reader decodes it.
#[track_caller]
fn read<R: Event + Debug>(event: &impl Event) -> String {
    let written = NewEvent::encode(event, Metadata::default()).expect("every event can be written");
    let stream = StreamId::of::<R>("any").expect("a valid id");
    let stored = RecordedEvent::new(
        written.id,
        stream,
        Version::new(1),
        Position::new(1),
        written.event_type,
        written.payload,
        SystemTime::UNIX_EPOCH,
    );
    match R::decode(&stored.schema_version(written.schema_version)) {
        Ok(Decoded::One(read)) => format!("{read:?}"),
        Ok(other) => panic!("{}: {other:?}", std::any::type_name::<R>()),
        Err(error) => panic!("{}: {error}", std::any::type_name::<R>()),
    }
}

fn line() -> Line {
    Line {
        customer: "ada".into(),
        sku: "tea".into(),
        quantity: 2,
        cents: 900,
    }
}

fn cancelled() -> OrderEvent {
    OrderEvent::Cancelled {
        sku: "tea".into(),
        reason: Reason::OutOfStock,
    }
}

fn completed() -> OrderEvent {
    OrderEvent::Completed {
        customer: "ada".into(),
    }
}

fn closed(reason: Reason) -> OrderEvent {
    OrderEvent::Closed {
        customer: "ada".into(),
        reason,
    }
}

fn stock_events() -> [StockEvent; 4] {
    let order = || "o-1".to_owned();
    let quantity = 2;
    [
        StockEvent::Reserved {
            order: order(),
            quantity,
        },
        StockEvent::Rejected {
            order: order(),
            quantity,
        },
        StockEvent::Released {
            order: order(),
            quantity,
        },
        StockEvent::NothingToRelease { order: order() },
    ]
}

fn payment_events() -> [PaymentEvent; 4] {
    let cents = 900;
    [
        PaymentEvent::Captured { cents },
        PaymentEvent::Declined { cents },
        PaymentEvent::Refunded { cents },
        PaymentEvent::Voided {},
    ]
}

fn dispatched() -> ShipmentEvent {
    ShipmentEvent::Dispatched {
        customer: "ada".into(),
        sku: "tea".into(),
        quantity: 2,
    }
}

#[test]
fn payment_reads_orders() {
    let placed = read::<charging::OrderEvents>(&OrderEvent::Placed(line()));
    assert_eq!(placed, "Placed { cents: 900 }");
    read::<charging::OrderEvents>(&cancelled());
}

#[test]
fn inventory_reads_orders() {
    use inventory::reserving::OrderEvents;
    let placed = read::<OrderEvents>(&OrderEvent::Placed(line()));
    assert_eq!(placed, "Placed { sku: \"tea\", quantity: 2 }");
    assert_eq!(
        read::<OrderEvents>(&cancelled()),
        "Cancelled { sku: \"tea\" }"
    );
}

#[test]
fn shipping_reads_orders() {
    let confirmed = read::<dispatching::OrderEvents>(&OrderEvent::Confirmed(line()));
    assert!(confirmed.starts_with("Confirmed {"), "{confirmed}");
}

#[test]
fn order_reads_payments_stock_and_shipments() {
    payment_events().iter().for_each(|event| {
        read::<answers::PaymentAnswer>(event);
    });
    stock_events().iter().for_each(|event| {
        read::<answers::StockAnswer>(event);
    });
    read::<answers::ShipmentAnswer>(&dispatched());
}

#[test]
fn notification_reads_outcomes() {
    read::<notifying::OrderEvents>(&completed());
    read::<notifying::OrderEvents>(&closed(Reason::CardDeclined));
    read::<notifying::OrderEvents>(&closed(Reason::OutOfStock));
}

#[test]
fn tracking_reads_four_services() {
    for event in [
        OrderEvent::Placed(line()),
        completed(),
        closed(Reason::OutOfStock),
    ] {
        read::<tracking::OrderEvents>(&event);
    }
    payment_events()[..3].iter().for_each(|event| {
        read::<tracking::PaymentEvents>(event);
    });
    stock_events()[..3].iter().for_each(|event| {
        read::<tracking::StockEvents>(event);
    });
    read::<tracking::ShipmentEvents>(&dispatched());
}
