//! Finds a pooler that gives each transaction another session.
//!
//! The settings of a session and its prepared statements would be lost between two transactions, so every later call would
//! fail, or would be slow. The pooler shows itself only when its last session is in use: then the next transaction gets another
//! one.

use cqrs_core::{StoreError, StoreErrorKind};
use sqlx::{Connection, Error, PgConnection};

use crate::{
    connect::hosts::{Hosts, Settings},
    error::statement,
    schema,
    sql::statements::ASK_SESSION,
};

/// Checks that a connection stays with its session, while another connection has a transaction open.
pub(crate) async fn check_session(
    connection: &mut PgConnection,
    hosts: &Hosts,
) -> Result<(), StoreError> {
    let mut other = hosts.connect(&Settings::new()).await?;
    let asked = changes_session(connection, &mut other).await;
    schema::close(other).await;
    match asked {
        Ok(false) => Ok(()),
        Ok(true) => Err(transaction_mode()),
        Err(error) if is_missing_statement(&error) => Err(transaction_mode().caused_by(error)),
        Err(error) => Err(statement(error)),
    }
}

async fn changes_session(
    connection: &mut PgConnection,
    other: &mut PgConnection,
) -> Result<bool, Error> {
    let before = session(connection).await?;
    let mut transaction = other.begin().await?;
    session(&mut transaction).await?;
    let after = session(connection).await?;
    transaction.rollback().await?;
    Ok(before != after)
}

/// A named statement, which only its session knows.
async fn session(connection: &mut PgConnection) -> Result<i32, Error> {
    sqlx::query_scalar(ASK_SESSION).fetch_one(connection).await
}

fn is_missing_statement(error: &Error) -> bool {
    matches!(error, Error::Database(database) if matches!(database.code().as_deref(), Some("26000" | "42P05")))
}

fn transaction_mode() -> StoreError {
    let message = "a pooler in transaction mode is before PostgreSQL, and a store needs whole sessions; connect to the server \
                   itself, or set the pooler to session mode";
    StoreError::new(StoreErrorKind::Misconfigured, message)
}
