//! A bank account on PostgreSQL: commands, a rule that refuses, a view, and a query of your own over the view's table.
//!
//! Run it with a server of yours, or with one that is started for you:
//!
//! ```sh
//! eval "$(scripts/services up --postgres-only)"
//! cargo run -p bank-account
//! ```
//!
//! You see a withdrawal refused and the balance of 300 cents, 600 at the second run, and so on.

/// Three events, three commands, three rules: the whole domain.
mod account;
mod balances;

use std::error::Error;

use cqrs_core::{
    Checkpoints, ExecuteError, PartitionId, Position, Repository, Runner, Slices, View,
};
use cqrs_postgres::{PgConfig, PgEventStore};

use crate::{
    account::{Account, AccountCommand, AccountError},
    balances::Balances,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("DATABASE_URL")
        .map_err(|_| "set DATABASE_URL, for example to postgres://localhost/bank")?;
    let config = PgConfig::new(url).schema("bank");
    PgEventStore::install(&config).await?;
    let store = PgEventStore::connect(&config).await?;
    let accounts = Repository::<Account, _>::new(store.clone());

    let open = AccountCommand::Open {
        owner: "Ann".to_owned(),
    };
    match accounts.execute("a-1", open).await {
        Ok(_) | Err(ExecuteError::Rejected(AccountError::AlreadyOpen)) => {}
        Err(error) => return Err(error.into()),
    }
    accounts
        .execute("a-1", AccountCommand::Deposit { cents: 500 })
        .await?;
    let done = accounts
        .execute("a-1", AccountCommand::Withdraw { cents: 200 })
        .await?;
    if let Err(refused) = accounts
        .execute("a-1", AccountCommand::Withdraw { cents: 1_000_000 })
        .await
    {
        println!("refused: {refused}");
    }

    let upto = done.position.ok_or("a withdrawal is an event")?;
    Runner::over_log(&store, Balances)?
        .run(handled(&store, upto))
        .await?;
    let query = format!(
        "select body ->> 'owner', (body ->> 'cents')::bigint from {}",
        store.view_table(Balances::NAME)?
    );
    let balances: Vec<(String, i64)> = sqlx::query_as(sqlx::AssertSqlSafe(query))
        .fetch_all(store.pool())
        .await?;
    for (owner, cents) in balances {
        println!("{owner} has {cents} cents");
    }
    Ok(())
}

/// Resolves when the view has handled the event at `position`.
async fn handled(store: &PgEventStore, position: Position) {
    let partition = PartitionId::Log(Slices::ALL);
    let stands = async || {
        store
            .checkpoint(Balances::NAME, &partition)
            .await
            .ok()
            .flatten()
    };
    while stands()
        .await
        .is_none_or(|checkpoint| checkpoint.offset.get() < position.get())
    {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
