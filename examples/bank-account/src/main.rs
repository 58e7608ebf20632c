//! A bank account on PostgreSQL: commands, a rule that rejects a command, a view, and an SQL query on the view's table.
//!
//! Run it with your own server (set `DATABASE_URL`), or let the script start one:
//!
//! ```sh
//! eval "$(scripts/services up --postgres-only)"
//! cargo run -p bank-account
//! ```
//!
//! The output shows a rejected withdrawal and the balance: 300 cents, 600 at the second run, and so on.

/// The whole domain: three events, three commands, three rules.
mod account;
mod balances;

use std::error::Error;

use cqrs_core::{CommandStore, ExecuteError, ReadModel, Runner, View};
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
    let accounts = store.repository::<Account>();

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
    accounts
        .execute("a-1", AccountCommand::Withdraw { cents: 200 })
        .await?;
    if let Err(rejected) = accounts
        .execute("a-1", AccountCommand::Withdraw { cents: 1_000_000 })
        .await
    {
        println!("rejected: {rejected}");
    }

    Runner::over_log(&store, Balances)?.catch_up().await?;
    let balances = ReadModel::<Balances, _>::new(&store);
    let balance = balances.get("a-1").await?.ok_or("the account is open")?;
    println!("{} has {} cents", balance.owner, balance.cents);

    println!(
        "{} account(s) hold 300 cents or more",
        rich_accounts(&store).await?
    );
    Ok(())
}

/// Counts documents with SQL: they are rows of a table, which you can index and query.
async fn rich_accounts(store: &PgEventStore) -> Result<i64, Box<dyn Error>> {
    let table = store.view_table(Balances::NAME)?;
    let query = format!("select count(*) from {table} where (body ->> 'cents')::bigint >= 300");
    let query = sqlx::query_scalar(sqlx::AssertSqlSafe(query));
    Ok(query.fetch_one(store.pool()).await?)
}
