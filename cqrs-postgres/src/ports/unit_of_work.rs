//! The unit of work: what is written in one transaction commits together.

use cqrs_core::{
    StoreError,
    ports::{CommitError, UnitOfWork},
};

use crate::{store::PgEventStore, transaction::PgTransaction};

impl UnitOfWork for PgEventStore {
    type Transaction = PgTransaction;

    async fn begin(&self) -> Result<PgTransaction, StoreError> {
        PgTransaction::begin(self.backend()).await
    }

    async fn commit(&self, transaction: PgTransaction) -> Result<(), CommitError> {
        transaction.commit(self.backend()).await
    }

    async fn rollback(&self, transaction: PgTransaction) -> Result<(), StoreError> {
        transaction.rollback().await
    }
}
