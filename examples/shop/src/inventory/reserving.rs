//! Reserves goods for placed orders, and releases them for cancelled ones.

use cqrs_core::{Envelope, Event, Reactor, To};
use serde::{Deserialize, Serialize};

use super::aggregate::{Stock, StockCommand};

/// The events of orders that a stock reads.
#[derive(Debug, Serialize, Deserialize)]
pub enum OrderEvents {
    Placed { sku: String, quantity: u32 },
    Cancelled { sku: String },
}

impl Event for OrderEvents {
    const CATEGORY: &'static str = "order";
    const PARTIAL: bool = true;
}

/// **Invariant**: only the order's own cancellation releases goods, for the same reason as in `payment::charging`.
#[derive(Debug, Clone, Copy)]
pub struct Reserving;

impl Reactor for Reserving {
    const NAME: &'static str = "inventory_reserving";
    type Events = OrderEvents;
    type Commands = To<Stock>;

    fn react(&self, event: &Envelope<OrderEvents>) -> Vec<To<Stock>> {
        let order = event.id().to_owned();
        vec![match &event.event {
            OrderEvents::Placed { sku, quantity } => {
                let quantity = *quantity;
                To::new(sku, StockCommand::Reserve { order, quantity })
            }
            OrderEvents::Cancelled { sku } => To::new(sku, StockCommand::Release { order }),
        }]
    }
}

#[cfg(test)]
mod tests {
    use cqrs_testing::Spec;

    use super::*;

    #[test]
    fn goods_are_reserved_for_a_placed_order() {
        let placed = OrderEvents::Placed {
            sku: "tea".into(),
            quantity: 2,
        };
        let reserve = StockCommand::Reserve {
            order: "o-1".into(),
            quantity: 2,
        };
        Spec::reactor(Reserving)
            .when("o-1", placed)
            .then([To::new("tea", reserve)]);
    }

    #[test]
    fn goods_of_a_cancelled_order_are_released() {
        let cancelled = OrderEvents::Cancelled { sku: "tea".into() };
        let release = StockCommand::Release {
            order: "o-1".into(),
        };
        Spec::reactor(Reserving)
            .when("o-1", cancelled)
            .then([To::new("tea", release)]);
    }
}
