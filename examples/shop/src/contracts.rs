//! Events are contracts: what is stored must stay readable, and what a service reads of another one must be written.
//!
//! A reader's `PARTIAL` enum ignores types that it does not know, so it would silently ignore a renamed event. These
//! tests detect that. `CQRS_CATALOGUE=accept cargo test -p shop contracts` writes what is new.

use cqrs_testing::{catalogue, consumer_contract};

use crate::{
    inventory::{StockEvent, reserving},
    notification::{MessageEvent, notifying, tracking},
    order::{OrderEvent, answers},
    payment::{PaymentEvent, charging},
    shipping::{ShipmentEvent, dispatching},
};

#[test]
fn stored_events_stay_readable() {
    catalogue!(
        "events.lock",
        OrderEvent,
        PaymentEvent,
        StockEvent,
        ShipmentEvent,
        MessageEvent
    )
    .contracts("contracts")
    .check();
}

#[test]
fn the_contracts_say_what_the_services_read() {
    use answers::{PaymentAnswer, ShipmentAnswer, StockAnswer};
    use tracking::{OrderEvents, PaymentEvents, ShipmentEvents, StockEvents};
    consumer_contract!(
        "contracts/order.json",
        PaymentAnswer,
        StockAnswer,
        ShipmentAnswer
    )
    .check();
    consumer_contract!("contracts/payment.json", charging::OrderEvents).check();
    consumer_contract!("contracts/inventory.json", reserving::OrderEvents).check();
    consumer_contract!("contracts/shipping.json", dispatching::OrderEvents).check();
    consumer_contract!("contracts/notification.json", notifying::OrderEvents).check();
    consumer_contract!(
        "contracts/tracking.json",
        OrderEvents,
        PaymentEvents,
        StockEvents,
        ShipmentEvents
    )
    .check();
}
