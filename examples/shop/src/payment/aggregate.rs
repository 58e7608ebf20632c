//! The payment of one order. Its id is the order's.

use cqrs_core::{Aggregate, Context, Decision, Event, model::Upcaster};
use serde::{Deserialize, Serialize};

/// The limit of every card.
pub const LIMIT_CENTS: u64 = 36_000;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PaymentEvent {
    Captured {
        cents: u64,
    },
    /// A business failure is an event: the order service reads it.
    Declined {
        cents: u64,
        /// The limit at that time. Schema version 1 does not have it.
        limit_cents: u64,
    },
    Refunded {
        cents: u64,
    },
    /// The order was cancelled and there was nothing to refund.
    Voided {},
}

impl Event for PaymentEvent {
    const CATEGORY: &'static str = "payment";
    const UPCASTERS: &'static [Upcaster] = &[Upcaster::json("Declined", 1, |payload| {
        payload["limit_cents"] = FIRST_LIMIT_CENTS.into();
    })];
}

/// The limit as long as `Declined` had schema version 1. It never changes.
const FIRST_LIMIT_CENTS: u64 = 36_000;

#[derive(Debug, Clone, PartialEq)]
pub enum PaymentCommand {
    Charge { cents: u64 },
    Cancel,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PaymentError {
    #[error("there is nothing to charge")]
    NothingToCharge,
}

#[derive(Debug, Default)]
pub enum Payment {
    #[default]
    New,
    Captured {
        cents: u64,
    },
    Declined,
    /// Refunded or voided.
    Undone,
}

impl Aggregate for Payment {
    type Command = PaymentCommand;
    type Event = PaymentEvent;
    type Error = PaymentError;

    fn handle(&self, command: PaymentCommand, _: &Context) -> Decision<Self> {
        match (self, command) {
            (Self::New, PaymentCommand::Charge { cents }) => charge(cents),
            (Self::Captured { cents }, PaymentCommand::Cancel) => {
                Ok(vec![PaymentEvent::Refunded { cents: *cents }])
            }
            (Self::New | Self::Declined, PaymentCommand::Cancel) => {
                Ok(vec![PaymentEvent::Voided {}])
            }
            // Charged or undone before.
            (_, PaymentCommand::Charge { .. }) | (Self::Undone, PaymentCommand::Cancel) => {
                Ok(vec![])
            }
        }
    }

    fn apply(&mut self, event: PaymentEvent) {
        *self = match event {
            PaymentEvent::Captured { cents } => Self::Captured { cents },
            PaymentEvent::Declined { .. } => Self::Declined,
            PaymentEvent::Refunded { .. } | PaymentEvent::Voided {} => Self::Undone,
        };
    }
}

fn charge(cents: u64) -> Decision<Payment> {
    match cents {
        0 => Err(PaymentError::NothingToCharge),
        1..=LIMIT_CENTS => Ok(vec![PaymentEvent::Captured { cents }]),
        _ => {
            let limit_cents = LIMIT_CENTS;
            Ok(vec![PaymentEvent::Declined { cents, limit_cents }])
        }
    }
}

#[cfg(test)]
mod tests {
    use cqrs_testing::Spec;

    use super::{
        PaymentCommand::{Cancel, Charge},
        PaymentEvent::{Captured, Declined, Refunded, Voided},
        *,
    };

    fn payment() -> Spec<Payment> {
        Spec::new()
    }

    fn declined(cents: u64) -> PaymentEvent {
        let limit_cents = LIMIT_CENTS;
        Declined { cents, limit_cents }
    }

    #[test]
    fn a_card_is_charged_once() {
        payment()
            .when(Charge { cents: 900 })
            .then([Captured { cents: 900 }]);
        payment()
            .given([Captured { cents: 900 }])
            .when(Charge { cents: 900 })
            .then_nothing();
    }

    #[test]
    fn a_charge_over_the_limit_is_declined_once() {
        let cents = LIMIT_CENTS + 1;
        payment().when(Charge { cents }).then([declined(cents)]);
        payment()
            .given([declined(cents)])
            .when(Charge { cents })
            .then_nothing();
    }

    #[test]
    fn a_charge_of_zero_is_rejected() {
        payment()
            .when(Charge { cents: 0 })
            .then_rejected(PaymentError::NothingToCharge);
    }

    #[test]
    fn a_cancelled_order_gets_its_money_back_once() {
        payment()
            .given([Captured { cents: 900 }])
            .when(Cancel)
            .then([Refunded { cents: 900 }]);
        payment()
            .given([Captured { cents: 900 }, Refunded { cents: 900 }])
            .when(Cancel)
            .then_nothing();
    }

    #[test]
    fn a_cancellation_is_recorded_with_nothing_to_refund() {
        payment()
            .given([declined(99_999)])
            .when(Cancel)
            .then([Voided {}]);
        payment().when(Cancel).then([Voided {}]);
    }

    #[test]
    fn nothing_is_charged_after_a_cancellation() {
        payment()
            .given([Voided {}])
            .when(Charge { cents: 900 })
            .then_nothing();
    }
}
