//! Notifies the customer of the outcome of an order.

use cqrs_core::{Envelope, Event, Reactor, To};
use serde::{Deserialize, Serialize};

use super::aggregate::{Message, MessageCommand};

/// The events of orders that a message reads.
#[derive(Debug, Serialize, Deserialize)]
pub enum OrderEvents {
    Completed { customer: String },
    Closed { customer: String, reason: Reason },
}

impl Event for OrderEvents {
    const CATEGORY: &'static str = "order";
    const PARTIAL: bool = true;
}

/// Why an order was closed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Reason {
    CardDeclined,
    OutOfStock,
}

/// One message for each outcome.
#[derive(Debug, Clone, Copy)]
pub struct Notifying;

impl Reactor for Notifying {
    const NAME: &'static str = "notification_notifying";
    type Events = OrderEvents;
    type Commands = To<Message>;

    fn react(&self, event: &Envelope<OrderEvents>) -> Vec<To<Message>> {
        let (customer, text) = match &event.event {
            OrderEvents::Completed { customer } => (customer, "Your order is on its way."),
            OrderEvents::Closed { customer, reason } => (customer, apology(*reason)),
        };
        let record = MessageCommand::Record {
            customer: customer.clone(),
            text: text.to_owned(),
        };
        vec![To::new(event.id(), record)]
    }
}

fn apology(reason: Reason) -> &'static str {
    match reason {
        Reason::CardDeclined => "Your card was declined. Nothing was charged.",
        Reason::OutOfStock => "We have run out of it. Your money is on its way back.",
    }
}

#[cfg(test)]
mod tests {
    use cqrs_testing::Spec;

    use super::*;

    fn record(text: &str) -> [To<Message>; 1] {
        let record = MessageCommand::Record {
            customer: "ada".into(),
            text: text.into(),
        };
        [To::new("o-1", record)]
    }

    #[test]
    fn a_completed_order_is_announced() {
        let completed = OrderEvents::Completed {
            customer: "ada".into(),
        };
        Spec::reactor(Notifying)
            .when("o-1", completed)
            .then(record("Your order is on its way."));
    }

    #[test]
    fn a_closed_order_is_explained() {
        for reason in [Reason::CardDeclined, Reason::OutOfStock] {
            let closed = OrderEvents::Closed {
                customer: "ada".into(),
                reason,
            };
            Spec::reactor(Notifying)
                .when("o-1", closed)
                .then(record(apology(reason)));
        }
    }
}
