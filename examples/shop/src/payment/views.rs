//! The payment service's read model: the money captured and refunded for each order.

use cqrs_core::{DocumentKeys, Envelope, View};
use serde::{Deserialize, Serialize};

use super::PaymentEvent;

/// The money of one order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentAccount {
    pub captured_cents: u64,
    pub refunded_cents: u64,
    pub declined: bool,
}

/// Keeps a [`PaymentAccount`] for each order.
#[derive(Debug, Clone, Copy)]
pub struct PaymentAccounts;

impl View for PaymentAccounts {
    const NAME: &'static str = "payment_accounts";
    type Events = PaymentEvent;
    type Document = PaymentAccount;

    fn keys(&self, event: &Envelope<PaymentEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(
        &self,
        _: &str,
        account: Option<PaymentAccount>,
        event: &Envelope<PaymentEvent>,
    ) -> Option<PaymentAccount> {
        let mut account = account.unwrap_or_default();
        match event.event {
            PaymentEvent::Captured { cents } => account.captured_cents += cents,
            PaymentEvent::Refunded { cents } => account.refunded_cents += cents,
            PaymentEvent::Declined { .. } => account.declined = true,
            PaymentEvent::Voided {} => {}
        }
        Some(account)
    }
}

#[cfg(test)]
mod tests {
    use cqrs_testing::Spec;

    use super::*;

    #[test]
    fn an_account_shows_captured_and_refunded_money() {
        let captured = || PaymentEvent::Captured { cents: 900 };
        let refunded = PaymentEvent::Refunded { cents: 900 };
        let declined = PaymentEvent::Declined {
            cents: 99_999,
            limit_cents: 36_000,
        };
        let account = |captured_cents, refunded_cents, declined| PaymentAccount {
            captured_cents,
            refunded_cents,
            declined,
        };
        Spec::view(PaymentAccounts)
            .given("o-1", [captured()])
            .given("o-2", [captured(), refunded])
            .given("o-3", [declined])
            .then([
                ("o-1", account(900, 0, false)),
                ("o-2", account(900, 900, false)),
                ("o-3", account(0, 0, true)),
            ]);
    }
}
