//! An account: events of about 100 bytes, the aggregate that decides them, and a view that adds them up.

use std::convert::Infallible;

use cqrs_core::{Aggregate, Context, Decision, DocumentKeys, Envelope, Event, View};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Movement {
    pub(crate) cents: u64,
    pub(crate) reference: String,
    pub(crate) note: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum AccountEvent {
    Deposited(Movement),
    Withdrawn(Movement),
}

impl Event for AccountEvent {
    const CATEGORY: &'static str = "account";
}

impl AccountEvent {
    /// The event with this number. Every third one is a withdrawal.
    pub(crate) fn example(number: u32) -> Self {
        let movement = Movement {
            cents: u64::from(number % 1_000) + 1,
            reference: format!("RF{number:012}"),
            note: "as agreed in the letter of March".to_owned(),
        };
        if number % 3 == 2 {
            Self::Withdrawn(movement)
        } else {
            Self::Deposited(movement)
        }
    }

    pub(crate) fn examples(count: u32) -> Vec<Self> {
        (0..count).map(Self::example).collect()
    }
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    cents: u64,
    movements: u64,
}

impl Aggregate for Account {
    /// The number of movements.
    type Command = u32;
    type Event = AccountEvent;
    type Error = Infallible;

    fn handle(&self, movements: u32, _: &Context) -> Decision<Self> {
        Ok(AccountEvent::examples(movements))
    }

    fn apply(&mut self, event: AccountEvent) {
        self.movements += 1;
        self.cents = match event {
            AccountEvent::Deposited(movement) => self.cents.saturating_add(movement.cents),
            AccountEvent::Withdrawn(movement) => self.cents.saturating_sub(movement.cents),
        };
    }
}

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Balance {
    cents: u64,
    movements: u64,
    last: String,
}

impl Balance {
    pub(crate) fn add(&mut self, event: &AccountEvent) {
        let (movement, cents) = match event {
            AccountEvent::Deposited(movement) => {
                (movement, self.cents.saturating_add(movement.cents))
            }
            AccountEvent::Withdrawn(movement) => {
                (movement, self.cents.saturating_sub(movement.cents))
            }
        };
        self.cents = cents;
        self.movements += 1;
        self.last.clone_from(&movement.reference);
    }
}

#[derive(Debug)]
pub(crate) struct Balances;

impl View for Balances {
    const NAME: &'static str = "balances";
    type Events = AccountEvent;
    type Document = Balance;

    fn keys(&self, event: &Envelope<AccountEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(
        &self,
        _: &str,
        balance: Option<Balance>,
        event: &Envelope<AccountEvent>,
    ) -> Option<Balance> {
        let mut balance = balance.unwrap_or_default();
        balance.add(event);
        Some(balance)
    }
}
