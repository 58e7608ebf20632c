//! One transaction of the database, for everything that commits together.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use cqrs_core::{StoreError, StoreErrorKind, ports::CommitError};
use sqlx::{PgConnection, Row, SqlSafeStr};
use sqlx_core::transaction::TransactionManager;

use crate::{
    connect::{backend::Backend, connection::GuardedConnection},
    error::{commit, statement},
    sql::statements::ASK_OPEN,
};

/// Counts savepoints, so that `begin` on the connection inside makes one. Not a `sqlx::Transaction`: that would return a
/// connection without an answer to the pool, where the next caller would wait for it.
type Manager = <sqlx::Postgres as sqlx::Database>::TransactionManager;

/// A transaction of the store. Dereferences to the connection inside it, for SQL of your own:
/// `sqlx::query("..").execute(&mut **transaction)`. What you write commits with the checkpoint, or not at all.
///
/// **After a statement has failed PostgreSQL rejects every other one, and a commit would quietly undo everything.** So return the
/// error, or put what may fail behind a savepoint. A commit after an error that your code ignored fails.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: i64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// use cqrs_core::HandlerError;
/// use cqrs_postgres::{PgEventStore, PgTransaction, store_error};
///
/// /// Adds a row for each deposit.
/// struct Deposits;
/// #[async_trait::async_trait]
/// impl Projection<PgEventStore> for Deposits {
///     type Events = AccountEvent;
///
///     fn name(&self) -> &str { "deposits" }
///
///     async fn project(
///         &self,
///         transaction: &mut PgTransaction,
///         events: &[Envelope<AccountEvent>],
///     ) -> Result<(), HandlerError> {
///         for event in events {
///             let AccountEvent::Deposited { cents } = event.event;
///             sqlx::query("insert into deposits (account, cents) values ($1, $2)")
///                 .bind(event.id())
///                 .bind(cents)
///                 .execute(&mut **transaction)
///                 .await
///                 .map_err(store_error)?;
///         }
///         Ok(())
///     }
/// }
/// ```
#[derive(Debug)]
pub struct PgTransaction {
    connection: GuardedConnection,
    limit: Duration,
    open: bool,
    appended: bool,
    /// The user's code had the connection, or a statement failed: perhaps the transaction cannot commit.
    doubtful: bool,
}

impl PgTransaction {
    pub(crate) async fn begin(backend: &Backend) -> Result<Self, StoreError> {
        let mut connection = backend.acquire().await?;
        let limit = backend.answer_limit();
        let begin = backend.begin.sql().into_sql_str();
        let begun = connection.step(limit, async |connection| {
            Manager::begin(connection, Some(begin)).await
        });
        begun.await.map_err(statement)?;
        Ok(Self {
            connection,
            limit,
            open: true,
            appended: false,
            doubtful: false,
        })
    }

    /// Sends a statement of this crate and takes its outcome.
    pub(crate) async fn ask<T>(
        &mut self,
        send: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let outcome = self.connection.ask(send).await;
        self.doubtful |= outcome.is_err();
        outcome.map_err(statement)
    }

    /// Notes an append: its commit wakes readers that wait.
    pub(crate) fn note_append(&mut self) {
        self.appended = true;
    }

    /// **Invariant**: a commit that succeeds has happened. On the commit of a failed transaction the server rolls back, which the
    /// driver takes for success. It rejects any other statement, so one is sent before, which also finds out whether the user's
    /// SQL has ended the transaction.
    async fn check(&mut self) -> Result<(), StoreError> {
        if !self.doubtful {
            return Ok(());
        }
        let asked = self.connection.ask(async |connection| {
            let row = sqlx::raw_sql(ASK_OPEN).fetch_one(connection).await?;
            row.try_get::<bool, _>(0)
        });
        if asked.await.map_err(statement)? {
            return Ok(());
        }
        let message = "SQL of your own has ended the transaction of the store (`commit` or `rollback`), so what it had written is \
                       not committed together; remove that statement, or use a savepoint";
        Err(StoreError::new(StoreErrorKind::Other, message))
    }

    pub(crate) async fn commit(mut self, backend: &Backend) -> Result<(), CommitError> {
        if let Err(error) = self.check().await {
            // The error of the rollback would hide the first one.
            if self.connection.is_answered() {
                let _ = self.rollback().await;
            }
            return Err(error.into());
        }
        // From here on, drop must not roll back: a commit without an answer may still happen.
        self.open = false;
        let committed = self
            .connection
            .step(backend.commit_limit(), Manager::commit)
            .await;
        committed.map_err(commit)?;
        if self.appended {
            backend.appended.notify_waiters();
        }
        Ok(())
    }

    pub(crate) async fn rollback(mut self) -> Result<(), StoreError> {
        self.open = false;
        let undone = self.connection.step(self.limit, Manager::rollback).await;
        undone.map_err(statement)?;
        if self.doubtful {
            self.connection.look().await;
        }
        Ok(())
    }
}

/// Begins to roll back, unless it has ended. The pool waits for that before it hands out the connection again.
impl Drop for PgTransaction {
    fn drop(&mut self) {
        if self.open {
            if self.doubtful {
                self.connection.suspect();
            }
            Manager::start_rollback(self.connection.without_note());
        }
    }
}

impl Deref for PgTransaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for PgTransaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.doubtful = true;
        self.connection.without_note()
    }
}
