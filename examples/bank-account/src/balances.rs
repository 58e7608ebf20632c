//! A read model: the balance of each account.

use cqrs_core::{DocumentKeys, Envelope, View};
use serde::{Deserialize, Serialize};

use crate::account::AccountEvent;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Balance {
    pub(crate) owner: String,
    pub(crate) cents: u64,
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
        match &event.event {
            AccountEvent::Opened { owner } => balance.owner.clone_from(owner),
            AccountEvent::Deposited { cents } => balance.cents += cents,
            AccountEvent::Withdrawn { cents } => balance.cents -= cents,
        }
        Some(balance)
    }
}

#[cfg(test)]
mod tests {
    use cqrs_testing::{Spec, laws, laws::history_of};

    use super::{AccountEvent, Balance, Balances};
    use crate::account::{Account, tests::any_command};

    #[test]
    fn a_balance_follows_its_account() {
        let opened = AccountEvent::Opened {
            owner: "Ann".to_owned(),
        };
        let moved = [
            AccountEvent::Deposited { cents: 500 },
            AccountEvent::Withdrawn { cents: 200 },
        ];
        let balance = Balance {
            owner: "Ann".to_owned(),
            cents: 300,
        };
        Spec::view(Balances)
            .given("a-1", [opened])
            .given("a-1", moved)
            .then([("a-1", balance)]);
    }

    laws! { view Balances over topics [
        ("a-1", history_of::<Account>(any_command())),
        ("a-2", history_of::<Account>(any_command())),
    ] }
}
