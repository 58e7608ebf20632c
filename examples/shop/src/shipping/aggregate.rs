//! The shipment of one order. Its id is the order's.

use cqrs_core::{Aggregate, Context, Decision, Event};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ShipmentEvent {
    Dispatched {
        customer: String,
        sku: String,
        quantity: u32,
    },
}

impl Event for ShipmentEvent {
    const CATEGORY: &'static str = "shipment";
}

#[derive(Debug, Clone, PartialEq)]
pub enum ShipmentCommand {
    Dispatch {
        customer: String,
        sku: String,
        quantity: u32,
    },
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShipmentError {
    #[error("an empty parcel is not sent")]
    Empty,
}

#[derive(Debug, Default)]
pub struct Shipment {
    dispatched: bool,
}

impl Aggregate for Shipment {
    type Command = ShipmentCommand;
    type Event = ShipmentEvent;
    type Error = ShipmentError;

    fn handle(&self, command: ShipmentCommand, _: &Context) -> Decision<Self> {
        let ShipmentCommand::Dispatch {
            customer,
            sku,
            quantity,
        } = command;
        if quantity == 0 {
            return Err(ShipmentError::Empty);
        }
        if self.dispatched {
            return Ok(vec![]);
        }
        Ok(vec![ShipmentEvent::Dispatched {
            customer,
            sku,
            quantity,
        }])
    }

    fn apply(&mut self, event: ShipmentEvent) {
        match event {
            ShipmentEvent::Dispatched { .. } => self.dispatched = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_testing::Spec;

    use super::*;

    fn dispatch(quantity: u32) -> ShipmentCommand {
        ShipmentCommand::Dispatch {
            customer: "ada".into(),
            sku: "tea".into(),
            quantity,
        }
    }

    fn dispatched() -> ShipmentEvent {
        ShipmentEvent::Dispatched {
            customer: "ada".into(),
            sku: "tea".into(),
            quantity: 2,
        }
    }

    #[test]
    fn an_order_is_dispatched_once() {
        Spec::<Shipment>::new()
            .when(dispatch(2))
            .then([dispatched()]);
        Spec::<Shipment>::new()
            .given([dispatched()])
            .when(dispatch(2))
            .then_nothing();
    }

    #[test]
    fn an_empty_parcel_is_rejected() {
        Spec::<Shipment>::new()
            .when(dispatch(0))
            .then_rejected(ShipmentError::Empty);
    }
}
