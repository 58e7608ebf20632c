//! Charges for placed orders, and refunds cancelled ones.

use cqrs_core::{Envelope, Event, Reactor, To};
use serde::{Deserialize, Serialize};

use super::aggregate::{Payment, PaymentCommand};

/// The events of orders that a payment reads.
#[derive(Debug, Serialize, Deserialize)]
pub enum OrderNews {
    Placed { cents: u64 },
    Cancelled {},
}

impl Event for OrderNews {
    const CATEGORY: &'static str = "order";
    const PARTIAL: bool = true;
}

/// **Invariant**: only the order's own cancellation refunds money. It has the same key as `Placed`, so it arrives after
/// it. Events of inventory come over another topic and may arrive before `Placed`.
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
    fn the_payment_of_a_cancelled_order_is_cancelled() {
        Spec::reactor(Charging)
            .when("o-1", OrderNews::Cancelled {})
            .then([To::new("o-1", PaymentCommand::Cancel)]);
    }
}
