//! An aggregate for the contract tests: its events show losses, duplicates and decisions on a wrong state.

use cqrs_core::{Aggregate, Context, Decision, DocumentKeys, Envelope, Event, View};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum PurseEvent {
    Paid { amount: u64, before: u64 },
}

impl Event for PurseEvent {
    const CATEGORY: &'static str = "purse";
}

/// A sum, so that an event that is applied twice counts twice.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Purse {
    pub(super) balance: u64,
}

impl Aggregate for Purse {
    type Command = u64;
    type Event = PurseEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, amount: u64, _: &Context) -> Decision<Self> {
        let before = self.balance;
        Ok(vec![PurseEvent::Paid { amount, before }])
    }

    fn apply(&mut self, event: PurseEvent) {
        let PurseEvent::Paid { amount, .. } = event;
        self.balance += amount;
    }
}

/// All amounts that were paid into a purse, in order.
#[derive(Debug)]
pub(super) struct Payments;

impl View for Payments {
    const NAME: &'static str = "payments";
    type Events = PurseEvent;
    type Document = Vec<u64>;

    fn keys(&self, event: &Envelope<PurseEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(
        &self,
        _: &str,
        payments: Option<Vec<u64>>,
        event: &Envelope<PurseEvent>,
    ) -> Option<Vec<u64>> {
        let PurseEvent::Paid { amount, .. } = event.event;
        let mut payments = payments.unwrap_or_default();
        payments.push(amount);
        Some(payments)
    }
}
