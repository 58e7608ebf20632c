//! The bank account of `docs/tutorial/bank-account.md`. In memory, nothing to install: `cargo run -p tutorial`.

use cqrs_core::prelude::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum AccountEvent {
    Opened { owner: String },
    Deposited { cents: u64 },
    Withdrawn { cents: u64 },
}

impl Event for AccountEvent {
    const CATEGORY: &'static str = "account";
}

#[derive(Debug, Clone)]
enum AccountCommand {
    Open { owner: String },
    Deposit { cents: u64 },
    Withdraw { cents: u64 },
}

#[derive(Debug, PartialEq, thiserror::Error)]
enum AccountError {
    #[error("the account is already open")]
    AlreadyOpen,
    #[error("the account is not open")]
    NotOpen,
    #[error("the balance does not cover that")]
    Overdrawn,
}

#[derive(Debug, Default)]
struct Account {
    balance: Option<u64>,
}

impl Aggregate for Account {
    type Command = AccountCommand;
    type Event = AccountEvent;
    type Error = AccountError;

    fn handle(&self, command: AccountCommand, _: &Context) -> Decision<Self> {
        use AccountCommand::{Deposit, Open, Withdraw};
        match (command, self.balance) {
            (Open { .. }, Some(_)) => Err(AccountError::AlreadyOpen),
            (Open { owner }, None) => Ok(vec![AccountEvent::Opened { owner }]),
            (_, None) => Err(AccountError::NotOpen),
            (Deposit { cents }, Some(_)) => Ok(vec![AccountEvent::Deposited { cents }]),
            (Withdraw { cents }, Some(has)) if cents > has => Err(AccountError::Overdrawn),
            (Withdraw { cents }, Some(_)) => Ok(vec![AccountEvent::Withdrawn { cents }]),
        }
    }

    fn apply(&mut self, event: AccountEvent) {
        self.balance = match event {
            AccountEvent::Opened { .. } => Some(0),
            AccountEvent::Deposited { cents } => self.balance.map(|has| has + cents),
            AccountEvent::Withdrawn { cents } => self.balance.map(|has| has - cents),
        };
    }
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Balance {
    owner: String,
    cents: u64,
}

struct Balances;

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

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = MemoryEventStore::default();
    let accounts = store.repository::<Account>();

    let owner = "Ann".to_owned();
    let open = AccountCommand::Open { owner };
    accounts.execute("a-1", open).await?;
    let deposit = AccountCommand::Deposit { cents: 500 };
    let done = accounts.execute("a-1", deposit).await?;
    println!("the account has {} events", done.version.get());

    let withdraw = AccountCommand::Withdraw { cents: 600 };
    if let Err(error) = accounts.execute("a-1", withdraw).await {
        println!("600 cents: {error}");
    }

    show(&store).await?;

    ReadModel::<Balances, _>::new(&store)
        .reset("rebuild")
        .await?;
    println!("rebuilt:");
    show(&store).await?;
    Ok(())
}

async fn show(store: &MemoryEventStore) -> Result<(), Box<dyn std::error::Error>> {
    // The runner of a service runs until the service stops. This one ends when it has handled what is there.
    Runner::over_log(store, Balances)?.catch_up().await?;

    let balances = ReadModel::<Balances, _>::new(store);
    for (id, balance) in balances.page(None, 10).await? {
        println!("{id}: {} has {} cents", balance.owner, balance.cents);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use cqrs_testing::Spec;

    use super::*;

    fn opened() -> AccountEvent {
        let owner = "Ann".to_owned();
        AccountEvent::Opened { owner }
    }

    #[test]
    fn an_open_account_takes_deposits() {
        Spec::<Account>::new()
            .given([opened()])
            .when(AccountCommand::Deposit { cents: 500 })
            .then([AccountEvent::Deposited { cents: 500 }]);
    }

    #[test]
    fn an_account_is_never_overdrawn() {
        Spec::<Account>::new()
            .given([opened(), AccountEvent::Deposited { cents: 500 }])
            .when(AccountCommand::Withdraw { cents: 501 })
            .then_rejected(AccountError::Overdrawn);
    }

    #[test]
    fn an_account_that_is_not_open_takes_no_deposit() {
        Spec::<Account>::new()
            .when(AccountCommand::Deposit { cents: 500 })
            .then_rejected(AccountError::NotOpen);
    }

    #[test]
    fn a_balance_follows_its_account() {
        let balance = Balance {
            owner: "Ann".to_owned(),
            cents: 300,
        };
        Spec::view(Balances)
            .given("a-1", [opened(), AccountEvent::Deposited { cents: 500 }])
            .given("a-1", [AccountEvent::Withdrawn { cents: 200 }])
            .then([("a-1", balance)]);
    }
}
