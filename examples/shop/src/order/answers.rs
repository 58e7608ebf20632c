//! Passes the answers of payment, inventory and shipping to the order. They may arrive in any order.

use cqrs_core::{Envelope, Event, Reactor, To, events};
use serde::{Deserialize, Serialize};

use super::{Order, OrderCommand, Reason};

/// The events of payments that an order reads. `PARTIAL`: other event types are ignored, and so are fields that are not
/// named here.
#[derive(Debug, Serialize, Deserialize)]
pub enum PaymentAnswer {
    Captured {},
    Declined {},
    Refunded {},
    Voided {},
}

impl Event for PaymentAnswer {
    const CATEGORY: &'static str = "payment";
    const PARTIAL: bool = true;
}

/// The events of stock that an order reads. A stock belongs to a product, so its events name the order.
#[derive(Debug, Serialize, Deserialize)]
pub enum StockAnswer {
    Reserved { order: String },
    Rejected { order: String },
    Released { order: String },
    NothingToRelease { order: String },
}

impl Event for StockAnswer {
    const CATEGORY: &'static str = "stock";
    const PARTIAL: bool = true;
}

/// The events of shipments that an order reads.
#[derive(Debug, Serialize, Deserialize)]
pub enum ShipmentAnswer {
    Dispatched {},
}

impl Event for ShipmentAnswer {
    const CATEGORY: &'static str = "shipment";
    const PARTIAL: bool = true;
}

events! {
    /// All answers of the other services.
    pub enum Answer {
        Payment(PaymentAnswer),
        Stock(StockAnswer),
        Shipment(ShipmentAnswer),
    }
}

/// Reports to an order what the other services have decided.
#[derive(Debug, Clone, Copy)]
pub struct Answers;

impl Reactor for Answers {
    const NAME: &'static str = "order_answers";
    type Events = Answer;
    type Commands = To<Order>;

    fn react(&self, answer: &Envelope<Answer>) -> Vec<To<Order>> {
        let (order, command) = match &answer.event {
            Answer::Payment(payment) => (answer.id(), of_payment(payment)),
            Answer::Stock(stock) => of_stock(stock),
            Answer::Shipment(ShipmentAnswer::Dispatched {}) => {
                (answer.id(), OrderCommand::Complete)
            }
        };
        vec![To::new(order, command)]
    }
}

fn of_payment(answer: &PaymentAnswer) -> OrderCommand {
    match answer {
        PaymentAnswer::Captured {} => OrderCommand::MarkPaid,
        PaymentAnswer::Declined {} => OrderCommand::Cancel(Reason::CardDeclined),
        PaymentAnswer::Refunded {} | PaymentAnswer::Voided {} => OrderCommand::MarkPaymentUndone,
    }
}

fn of_stock(answer: &StockAnswer) -> (&str, OrderCommand) {
    match answer {
        StockAnswer::Reserved { order } => (order, OrderCommand::MarkReserved),
        StockAnswer::Rejected { order } => (order, OrderCommand::Cancel(Reason::OutOfStock)),
        StockAnswer::Released { order } | StockAnswer::NothingToRelease { order } => {
            (order, OrderCommand::MarkReservationUndone)
        }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_testing::Spec;

    use super::*;

    fn order(id: &str, command: OrderCommand) -> [To<Order>; 1] {
        [To::new(id, command)]
    }

    #[test]
    fn a_business_failure_cancels_the_order() {
        Spec::reactor(Answers)
            .when("o-1", PaymentAnswer::Declined {})
            .then(order("o-1", OrderCommand::Cancel(Reason::CardDeclined)));
        let rejected = StockAnswer::Rejected {
            order: "o-1".into(),
        };
        Spec::reactor(Answers)
            .when("tea", rejected)
            .then(order("o-1", OrderCommand::Cancel(Reason::OutOfStock)));
    }

    #[test]
    fn good_answers_are_reported_to_the_order() {
        Spec::reactor(Answers)
            .when("o-1", PaymentAnswer::Captured {})
            .then(order("o-1", OrderCommand::MarkPaid));
        let reserved = StockAnswer::Reserved {
            order: "o-1".into(),
        };
        Spec::reactor(Answers)
            .when("tea", reserved)
            .then(order("o-1", OrderCommand::MarkReserved));
        Spec::reactor(Answers)
            .when("o-1", ShipmentAnswer::Dispatched {})
            .then(order("o-1", OrderCommand::Complete));
    }

    #[test]
    fn undone_and_nothing_to_undo_are_reported_alike() {
        for answer in [PaymentAnswer::Refunded {}, PaymentAnswer::Voided {}] {
            Spec::reactor(Answers)
                .when("o-1", answer)
                .then(order("o-1", OrderCommand::MarkPaymentUndone));
        }
        let nothing = StockAnswer::NothingToRelease {
            order: "o-1".into(),
        };
        Spec::reactor(Answers)
            .when("tea", nothing)
            .then(order("o-1", OrderCommand::MarkReservationUndone));
    }
}
