//! The shipping service's read model: the parcels that were sent.

use cqrs_core::{DocumentKeys, Envelope, View};
use serde::{Deserialize, Serialize};

use super::ShipmentEvent;

/// The parcel that was sent for one order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    pub customer: String,
    pub sku: String,
    pub quantity: u32,
}

/// Keeps a [`Parcel`] for each order that was sent.
#[derive(Debug, Clone, Copy)]
pub struct Shipments;

impl View for Shipments {
    const NAME: &'static str = "shipments";
    type Events = ShipmentEvent;
    type Document = Parcel;

    fn keys(&self, event: &Envelope<ShipmentEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(&self, _: &str, _: Option<Parcel>, event: &Envelope<ShipmentEvent>) -> Option<Parcel> {
        let ShipmentEvent::Dispatched {
            customer,
            sku,
            quantity,
        } = event.event.clone();
        Some(Parcel {
            customer,
            sku,
            quantity,
        })
    }
}

#[cfg(test)]
mod tests {
    use cqrs_testing::Spec;

    use super::*;

    #[test]
    fn a_parcel_is_kept_for_each_order() {
        let dispatched = ShipmentEvent::Dispatched {
            customer: "ada".into(),
            sku: "tea".into(),
            quantity: 2,
        };
        let parcel = Parcel {
            customer: "ada".into(),
            sku: "tea".into(),
            quantity: 2,
        };
        Spec::view(Shipments)
            .given("o-1", [dispatched])
            .then([("o-1", parcel)]);
    }
}
