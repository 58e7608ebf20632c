//! Charges for placed orders, and refunds cancelled ones.

use cqrs_core::{Envelope, Event, Reactor, To};
use serde::{Deserialize, Serialize};

use super::aggregate::{Payment, PaymentCommand};

/// The events of orders that a payment reads.
#[derive(Debug, Serialize, Deserialize)]
pub enum OrderEvents {
    Placed { cents: u64 },
    Cancelled {},
}

impl Event for OrderEvents {
    const CATEGORY: &'static str = "order";
    const PARTIAL: bool = true;
}

/// **Invariant**: only the order's own cancellation refunds money. It has the same key as `Placed`, so it arrives after
/// it. Events of inventory come over another topic and may arrive before `Placed`.
#[derive(Debug, Clone, Copy)]
pub struct Charging;

impl Reactor for Charging {
    const NAME: &'static str = "payment_charging";
    type Events = OrderEvents;
    type Commands = To<Payment>;

    fn react(&self, event: &Envelope<OrderEvents>) -> Vec<To<Payment>> {
        let command = match event.event {
            OrderEvents::Placed { cents } => PaymentCommand::Charge { cents },
            OrderEvents::Cancelled {} => PaymentCommand::Cancel,
        };
        vec![To::new(event.id(), command)]
    }
}

#[cfg(test)]
mod tests {
    use cqrs_testing::Spec;

    use super::*;

    #[test]
    fn a_placed_order_is_charged() {
        Spec::reactor(Charging)
            .when("o-1", OrderEvents::Placed { cents: 900 })
            .then([To::new("o-1", PaymentCommand::Charge { cents: 900 })]);
    }

    #[test]
    fn the_payment_of_a_cancelled_order_is_cancelled() {
        Spec::reactor(Charging)
            .when("o-1", OrderEvents::Cancelled {})
            .then([To::new("o-1", PaymentCommand::Cancel)]);
    }
}
