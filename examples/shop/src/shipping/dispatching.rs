//! Dispatches confirmed orders.

use cqrs_core::{Envelope, Event, Reactor, To};
use serde::{Deserialize, Serialize};

use super::aggregate::{Shipment, ShipmentCommand};

/// The events of orders that a shipment reads.
#[derive(Debug, Serialize, Deserialize)]
pub enum OrderEvents {
    Confirmed {
        customer: String,
        sku: String,
        quantity: u32,
    },
}

impl Event for OrderEvents {
    const CATEGORY: &'static str = "order";
    const PARTIAL: bool = true;
}

/// A confirmed order is paid and reserved, so it cannot fail any more.
#[derive(Debug, Clone, Copy)]
pub struct Dispatching;

impl Reactor for Dispatching {
    const NAME: &'static str = "shipping_dispatching";
    type Events = OrderEvents;
    type Commands = To<Shipment>;

    fn react(&self, event: &Envelope<OrderEvents>) -> Vec<To<Shipment>> {
        let OrderEvents::Confirmed {
            customer,
            sku,
            quantity,
        } = &event.event;
        let dispatch = ShipmentCommand::Dispatch {
            customer: customer.clone(),
            sku: sku.clone(),
            quantity: *quantity,
        };
        vec![To::new(event.id(), dispatch)]
    }
}

#[cfg(test)]
mod tests {
    use cqrs_testing::Spec;

    use super::*;

    #[test]
    fn a_confirmed_order_is_shipped() {
        let confirmed = OrderEvents::Confirmed {
            customer: "ada".into(),
            sku: "tea".into(),
            quantity: 2,
        };
        let dispatch = ShipmentCommand::Dispatch {
            customer: "ada".into(),
            sku: "tea".into(),
            quantity: 2,
        };
        Spec::reactor(Dispatching)
            .when("o-1", confirmed)
            .then([To::new("o-1", dispatch)]);
    }
}
