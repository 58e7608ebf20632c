//! The unit of work: one transaction of the database.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use async_trait::async_trait;
use cqrs_core::{CommitError, StoreError, ports::UnitOfWork};
use sqlx::{PgConnection, SqlSafeStr};
use sqlx_core::transaction::TransactionManager;

/// What counts savepoints, so that `begin` on the connection inside makes one. Not a `sqlx::Transaction`: that would put a
/// connection which does not answer back into the pool, where the next one would wait for it.
type Manager = <sqlx::Postgres as sqlx::Database>::TransactionManager;

use crate::{
    connection::{Lent, within},
    error::{commit, statement},
    statements::ASK_NOTHING,
    store::PgEventStore,
};

/// A transaction of the store. Dereferences to the connection inside it, for SQL of your own:
/// `sqlx::query("..").execute(&mut **transaction)`. What you write commits with the checkpoint, or not at all.
///
/// **After a statement has failed PostgreSQL refuses every other one, and a commit would quietly undo everything.** So hand
/// the error on, or put what may fail behind a savepoint. A commit after an error that was swallowed is refused.
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
    connection: Lent,
    limit: Duration,
    open: bool,
    appended: bool,
    /// Somebody else had the connection, or a statement failed: the transaction may be one that cannot commit.
    doubtful: bool,
}

impl PgTransaction {
    async fn begin(store: &PgEventStore) -> Result<Self, StoreError> {
        let mut connection = store.acquire().await?;
        let begin = store.begin_statement().sql().into_sql_str();
        let begun = connection.step(store.limit(), async |connection| {
            Manager::begin(connection, Some(begin)).await
        });
        begun.await.map_err(statement)?;
        Ok(Self {
            connection,
            limit: store.limit(),
            open: true,
            appended: false,
            doubtful: false,
        })
    }

    /// The connection for a statement of this crate, whose outcome is then [noted](Self::note).
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }

    /// Takes the outcome of a statement.
    pub(crate) fn note<T>(&mut self, outcome: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        self.doubtful |= outcome.is_err();
        self.connection.note(outcome).map_err(statement)
    }

    /// Remembers that waiting readers are to be woken after the commit.
    pub(crate) fn note_append(&mut self) {
        self.appended = true;
    }

    /// **Invariant**: a commit that says yes has happened. The server answers the commit of a failed transaction by rolling
    /// it back, which the driver takes for success; any other statement it refuses.
    async fn check(&mut self) -> Result<(), StoreError> {
        if self.doubtful {
            let asked = sqlx::raw_sql(ASK_NOTHING).execute(&mut *self.connection);
            let alive = within(self.limit, asked).await;
            self.connection.note(alive).map_err(statement)?;
        }
        Ok(())
    }

    async fn commit(mut self, limit: Duration) -> Result<bool, CommitError> {
        self.check().await?;
        // From here on nobody may undo it: a commit that is not answered in time may still happen.
        self.open = false;
        let committed = self.connection.step(limit, Manager::commit).await;
        committed.map_err(commit)?;
        Ok(self.appended)
    }

    async fn rollback(mut self) -> Result<(), StoreError> {
        self.open = false;
        let undone = self.connection.step(self.limit, Manager::rollback).await;
        undone.map_err(statement)
    }
}

/// Begins to roll back, unless it has ended; the pool waits for it before it lends the connection again.
impl Drop for PgTransaction {
    fn drop(&mut self) {
        if self.open {
            Manager::start_rollback(self.connection.unwatched());
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
        self.connection.unwatched()
    }
}

#[async_trait]
impl UnitOfWork for PgEventStore {
    type Transaction = PgTransaction;

    async fn begin(&self) -> Result<PgTransaction, StoreError> {
        PgTransaction::begin(self).await
    }

    async fn commit(&self, transaction: PgTransaction) -> Result<(), CommitError> {
        if transaction.commit(self.commit_limit()).await? {
            self.appended().notify_waiters();
        }
        Ok(())
    }

    async fn rollback(&self, transaction: PgTransaction) -> Result<(), StoreError> {
        transaction.rollback().await
    }
}
