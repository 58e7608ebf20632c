use cqrs_core::{Aggregate, Context, Decision, Event};

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) enum AccountEvent {
    Opened { owner: String },
    Deposited { cents: u64 },
    Withdrawn { cents: u64 },
}
impl Event for AccountEvent {
    const CATEGORY: &'static str = "account";
}
#[derive(Debug, Clone)]
pub(crate) enum AccountCommand {
    Open { owner: String },
    Deposit { cents: u64 },
    Withdraw { cents: u64 },
}
#[derive(Debug, PartialEq, thiserror::Error)]
pub(crate) enum AccountError {
    #[error("the account is already open")]
    AlreadyOpen,
    #[error("the account is not open")]
    NotOpen,
    #[error("the balance does not cover that")]
    Overdrawn,
}
#[derive(Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Account(Option<u64>);
impl Aggregate for Account {
    type Command = AccountCommand;
    type Event = AccountEvent;
    type Error = AccountError;
    fn handle(&self, command: AccountCommand, _: &Context) -> Decision<Self> {
        use AccountCommand::{Deposit, Open, Withdraw};
        match (command, self.0) {
            (Open { .. }, Some(_)) => Err(AccountError::AlreadyOpen),
            (Open { owner }, None) => Ok(vec![AccountEvent::Opened { owner }]),
            (_, None) => Err(AccountError::NotOpen),
            (Deposit { cents }, Some(_)) => Ok(vec![AccountEvent::Deposited { cents }]),
            (Withdraw { cents }, Some(has)) if cents > has => Err(AccountError::Overdrawn),
            (Withdraw { cents }, Some(_)) => Ok(vec![AccountEvent::Withdrawn { cents }]),
        }
    }
    fn apply(&mut self, event: AccountEvent) {
        self.0 = match event {
            AccountEvent::Opened { .. } => Some(0),
            AccountEvent::Deposited { cents } => self.0.map(|balance| balance + cents),
            AccountEvent::Withdrawn { cents } => self.0.map(|balance| balance - cents),
        };
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use cqrs_testing::{Spec, laws, proptest::prelude::*};

    use super::{Account, AccountCommand, AccountError, AccountEvent};

    fn opened() -> AccountEvent {
        AccountEvent::Opened {
            owner: "Ann".to_owned(),
        }
    }

    #[test]
    fn an_account_is_opened_once() {
        let open = || AccountCommand::Open {
            owner: "Ann".to_owned(),
        };
        Spec::<Account>::new().when(open()).then([opened()]);
        Spec::<Account>::new()
            .given([opened()])
            .when(open())
            .then_rejected(AccountError::AlreadyOpen);
    }

    #[test]
    fn money_moves_only_on_an_open_account() {
        let deposit = || AccountCommand::Deposit { cents: 500 };
        Spec::<Account>::new()
            .when(deposit())
            .then_rejected(AccountError::NotOpen);
        Spec::<Account>::new()
            .given([opened()])
            .when(deposit())
            .then([AccountEvent::Deposited { cents: 500 }]);
    }

    #[test]
    fn nobody_withdraws_more_than_the_balance() {
        let given =
            || Spec::<Account>::new().given([opened(), AccountEvent::Deposited { cents: 500 }]);
        given()
            .when(AccountCommand::Withdraw { cents: 500 })
            .then([AccountEvent::Withdrawn { cents: 500 }]);
        given()
            .when(AccountCommand::Withdraw { cents: 501 })
            .then_rejected(AccountError::Overdrawn);
    }

    pub(crate) fn any_command() -> impl Strategy<Value = AccountCommand> {
        let open = Just(AccountCommand::Open {
            owner: "Ann".to_owned(),
        });
        let deposit = (1..1_000_u64).prop_map(|cents| AccountCommand::Deposit { cents });
        let withdraw = (1..1_000_u64).prop_map(|cents| AccountCommand::Withdraw { cents });
        prop_oneof![open, deposit, withdraw]
    }

    laws! { Account: commands = any_command() }
}
