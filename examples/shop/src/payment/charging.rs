//! Charges for what was placed, refunds what was cancelled.

use cqrs_core::{Envelope, Event, Reactor, To};
use serde::{Deserialize, Serialize};

use super::aggregate::{Payment, PaymentCommand};

/// What a payment needs to know of orders.
#[derive(Debug, Serialize, Deserialize)]
pub enum OrderNews {
    Placed { cents: u64 },
    Cancelled {},
}

impl Event for OrderNews {
    const CATEGORY: &'static str = "order";
    const PARTIAL: bool = true;
}

/// **Invariant**: only the order's own cancellation gives money back. It has the same key as the placing, so it comes
/// behind it. What inventory says comes over another topic, perhaps before the order does.
#[derive(Debug, Clone, Copy)]
pub struct Charging;

impl Reactor for Charging {
    const NAME: &'static str = "payment_charging";
    type Events = OrderNews;
    type Commands = To<Payment>;

    fn react(&self, news: &Envelope<OrderNews>) -> Vec<To<Payment>> {
        let command = match news.event {
            OrderNews::Placed { cents } => PaymentCommand::Charge { cents },
            OrderNews::Cancelled {} => PaymentCommand::Cancel,
        };
        vec![To::new(news.id(), command)]
    }
}

#[cfg(test)]
mod tests {
    use cqrs_testing::Spec;

    use super::*;

    #[test]
    fn a_placed_order_is_charged() {
        Spec::reactor(Charging)
            .when("o-1", OrderNews::Placed { cents: 900 })
            .then([To::new("o-1", PaymentCommand::Charge { cents: 900 })]);
    }

    #[test]
    fn a_cancelled_order_is_cancelled_here_too() {
        Spec::reactor(Charging)
            .when("o-1", OrderNews::Cancelled {})
            .then([To::new("o-1", PaymentCommand::Cancel)]);
    }
}
