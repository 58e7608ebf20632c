//! The unit of work: one transaction of the database.

use std::ops::{Deref, DerefMut};

use async_trait::async_trait;
use cqrs_core::{StoreError, UnitOfWork, WriteError};
use sqlx::{PgConnection, Postgres, Transaction};

use crate::{
    error::{commit, statement},
    store::PgEventStore,
};

/// A transaction of the store. Dereferences to the connection inside it, for SQL of your own:
/// `sqlx::query("..").execute(&mut **transaction)`. What you write commits with the checkpoint, or not at all.
///
/// **After a statement has failed PostgreSQL refuses every other one, and a commit would quietly undo everything.** So hand
/// the error on, or put what may fail behind a savepoint. A commit after an error that was swallowed is refused.
#[derive(Debug)]
pub struct PgTransaction {
    inner: Transaction<'static, Postgres>,
    appended: bool,
    /// Somebody else had the connection, or a statement failed: the transaction may be one that cannot commit.
    doubtful: bool,
}

impl PgTransaction {
    /// The connection for a statement of this crate, whose outcome is then [noted](Self::note).
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.inner
    }

    /// Takes the outcome of a statement.
    pub(crate) fn note<T>(&mut self, outcome: Result<T, sqlx::Error>) -> Result<T, StoreError> {
        self.doubtful |= outcome.is_err();
        outcome.map_err(statement)
    }

    /// Remembers that waiting readers are to be woken after the commit.
    pub(crate) fn note_append(&mut self) {
        self.appended = true;
    }

    /// **Invariant**: a commit that says yes has happened. The server answers the commit of a failed transaction by rolling
    /// it back, which the driver takes for success; any other statement it refuses.
    async fn check(&mut self) -> Result<(), StoreError> {
        if self.doubtful {
            sqlx::raw_sql("select")
                .execute(&mut *self.inner)
                .await
                .map_err(statement)?;
        }
        Ok(())
    }
}

impl Deref for PgTransaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.inner
    }
}

impl DerefMut for PgTransaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.doubtful = true;
        &mut self.inner
    }
}

#[async_trait]
impl UnitOfWork for PgEventStore {
    type Transaction = PgTransaction;

    async fn begin(&self) -> Result<PgTransaction, StoreError> {
        let inner = self
            .pool()
            .begin_with(self.begin_statement().sql())
            .await
            .map_err(statement)?;
        Ok(PgTransaction {
            inner,
            appended: false,
            doubtful: false,
        })
    }

    async fn commit(&self, mut transaction: PgTransaction) -> Result<(), WriteError> {
        transaction.check().await?;
        transaction.inner.commit().await.map_err(commit)?;
        if transaction.appended {
            self.appended().notify_waiters();
        }
        Ok(())
    }

    async fn rollback(&self, transaction: PgTransaction) -> Result<(), StoreError> {
        transaction.inner.rollback().await.map_err(statement)
    }
}
