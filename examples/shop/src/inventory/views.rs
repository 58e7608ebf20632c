//! The inventory service's read model: the goods received, the goods on hand, and the orders that hold the rest.

use std::collections::BTreeMap;

use cqrs_core::{DocumentKeys, Envelope, View};
use serde::{Deserialize, Serialize};

use super::StockEvent;

/// The stock of one product.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockLevel {
    pub received: u32,
    pub on_hand: u32,
    /// The quantity that each order holds.
    pub reserved: BTreeMap<String, u32>,
}

/// Keeps a [`StockLevel`] for each product.
#[derive(Debug, Clone, Copy)]
pub struct StockLevels;

impl View for StockLevels {
    const NAME: &'static str = "stock_levels";
    type Events = StockEvent;
    type Document = StockLevel;

    fn keys(&self, event: &Envelope<StockEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(
        &self,
        _: &str,
        level: Option<StockLevel>,
        event: &Envelope<StockEvent>,
    ) -> Option<StockLevel> {
        let mut level = level.unwrap_or_default();
        match &event.event {
            StockEvent::Received { quantity, .. } => {
                level.received += quantity;
                level.on_hand += quantity;
            }
            StockEvent::Reserved { order, quantity } => {
                level.reserved.insert(order.clone(), *quantity);
                level.on_hand = level.on_hand.saturating_sub(*quantity);
            }
            StockEvent::Released { order, quantity } => {
                level.reserved.remove(order);
                level.on_hand += quantity;
            }
            StockEvent::Rejected { .. } | StockEvent::NothingToRelease { .. } => {}
        }
        Some(level)
    }
}

#[cfg(test)]
mod tests {
    use cqrs_testing::Spec;

    use super::*;

    fn reserved(order: &str, quantity: u32) -> StockEvent {
        let order = order.into();
        StockEvent::Reserved { order, quantity }
    }

    #[test]
    fn a_level_shows_the_shelf_and_who_holds_the_rest() {
        let received = StockEvent::Received {
            delivery: "first".into(),
            quantity: 9,
        };
        let released = StockEvent::Released {
            order: "o-1".into(),
            quantity: 2,
        };
        let events = [received, reserved("o-1", 2), reserved("o-2", 3), released];
        let level = StockLevel {
            received: 9,
            on_hand: 6,
            reserved: [("o-2".to_owned(), 3)].into(),
        };
        Spec::view(StockLevels)
            .given("tea", events)
            .then([("tea", level)]);
    }
}
