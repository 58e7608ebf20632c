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
#[derive(Debug)]
pub struct PgTransaction {
    inner: Transaction<'static, Postgres>,
    appended: bool,
}

impl PgTransaction {
    /// Remembers that waiting readers are to be woken after the commit.
    pub(crate) fn note_append(&mut self) {
        self.appended = true;
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
        })
    }

    async fn commit(&self, transaction: PgTransaction) -> Result<(), WriteError> {
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
