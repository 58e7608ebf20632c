//! An order of the sales service, and what the billing service makes of its events.

use cqrs_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum OrderEvent {
    Placed { customer: String, cents: u64 },
}
impl Event for OrderEvent {
    const CATEGORY: &'static str = "order";
}

#[derive(Debug, thiserror::Error)]
#[error("the order is placed already")]
pub(crate) struct AlreadyPlaced;

#[derive(Debug, Default)]
pub(crate) struct Order {
    placed: bool,
}
impl Aggregate for Order {
    type Command = (String, u64); // the customer and the cents
    type Event = OrderEvent;
    type Error = AlreadyPlaced;

    fn handle(&self, (customer, cents): (String, u64), _: &Context) -> Decision<Self> {
        if self.placed {
            Err(AlreadyPlaced)
        } else {
            Ok(vec![OrderEvent::Placed { customer, cents }])
        }
    }
    fn apply(&mut self, _: OrderEvent) {
        self.placed = true;
    }
}

/// For each customer, the sum of the orders. Over topics, events are in order only within a stream; a sum does not depend
/// on the order.
#[derive(Debug)]
pub(crate) struct Revenue;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sum {
    pub(crate) orders: u64,
    pub(crate) cents: u64,
}

impl View for Revenue {
    const NAME: &'static str = "revenue";
    type Events = OrderEvent;
    type Document = Sum;

    fn keys(&self, event: &Envelope<OrderEvent>) -> DocumentKeys {
        let OrderEvent::Placed { customer, .. } = &event.event;
        customer.as_str().into()
    }
    fn apply(&self, _: &str, sum: Option<Sum>, event: &Envelope<OrderEvent>) -> Option<Sum> {
        let OrderEvent::Placed { cents, .. } = &event.event;
        let sum = sum.unwrap_or_default();
        Some(Sum {
            orders: sum.orders + 1,
            cents: sum.cents + cents,
        })
    }
}
