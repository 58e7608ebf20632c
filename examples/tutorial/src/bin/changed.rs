//! The bank account of `docs/tutorial/bank-account.md` after its last chapter, in which an event changes.

use cqrs_core::{model::Upcaster, prelude::*};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum AccountEvent {
    Opened { first: String, last: String },
    Deposited { cents: u64 },
    Withdrawn { cents: u64 },
}

impl Event for AccountEvent {
    const CATEGORY: &'static str = "account";
    const UPCASTERS: &'static [Upcaster] = &[Upcaster::typed::<OpenedV1, OpenedV2>("Opened", 1)];
}

/// Version 1 had the whole name in one field.
#[derive(Deserialize)]
struct OpenedV1 {
    owner: String,
}

#[derive(Serialize)]
struct OpenedV2 {
    first: String,
    last: String,
}

impl From<OpenedV1> for OpenedV2 {
    fn from(OpenedV1 { owner }: OpenedV1) -> Self {
        let (first, last) = owner.split_once(' ').unwrap_or((&owner, ""));
        Self {
            first: first.to_owned(),
            last: last.to_owned(),
        }
    }
}

#[derive(Debug, Clone)]
enum AccountCommand {
    Open { first: String, last: String },
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

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
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
            (Open { first, last }, None) => Ok(vec![AccountEvent::Opened { first, last }]),
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
            AccountEvent::Opened { first, last } => balance.owner = format!("{first} {last}"),
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

    let (first, last) = ("Ann".to_owned(), "Lee".to_owned());
    let open = AccountCommand::Open { first, last };
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
    use cqrs_testing::{Spec, laws, proptest::prelude::*};

    use super::*;

    fn opened() -> AccountEvent {
        let (first, last) = ("Ann".to_owned(), "Lee".to_owned());
        AccountEvent::Opened { first, last }
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
            owner: "Ann Lee".to_owned(),
            cents: 300,
        };
        Spec::view(Balances)
            .given("a-1", [opened(), AccountEvent::Deposited { cents: 500 }])
            .given("a-1", [AccountEvent::Withdrawn { cents: 200 }])
            .then([("a-1", balance)]);
    }

    #[test]
    fn an_account_that_was_opened_before_is_read() {
        Spec::<Account>::new()
            .given_stored("Opened", 1, r#"{"owner":"Ann Lee"}"#)
            .when(AccountCommand::Deposit { cents: 500 })
            .then([AccountEvent::Deposited { cents: 500 }]);
    }

    #[test]
    fn stored_events_stay_readable() {
        cqrs_testing::catalogue!("events.lock", AccountEvent)
            .older::<AccountEvent>("Opened", 1, r#"{"owner":"Ann Lee"}"#)
            .check();
    }

    #[test]
    fn an_owner_of_before_is_shown() {
        let balance = Balance {
            owner: "Ann Lee".to_owned(),
            cents: 0,
        };
        Spec::view(Balances)
            .given_stored::<AccountEvent>("a-1", "Opened", 1, r#"{"owner":"Ann Lee"}"#)
            .then([("a-1", balance)]);
    }

    fn any_command() -> impl Strategy<Value = AccountCommand> {
        let (first, last) = ("Ann".to_owned(), "Lee".to_owned());
        let open = Just(AccountCommand::Open { first, last });
        let deposit = (1..1_000_u64).prop_map(|cents| AccountCommand::Deposit { cents });
        let withdraw = (1..1_000_u64).prop_map(|cents| AccountCommand::Withdraw { cents });
        prop_oneof![open, deposit, withdraw]
    }

    laws! { Account: commands = any_command() }
}
