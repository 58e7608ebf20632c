//! Transactions.

use cqrs_core::{
    StoreError,
    memory::MemoryTransaction,
    ports::{CommitError, UnitOfWork},
};

use super::{Gated, once, one_call, unavailable, unknown};
use crate::desk::Verdict;

impl UnitOfWork for Gated {
    type Transaction = MemoryTransaction;

    async fn begin(&self) -> Result<MemoryTransaction, StoreError> {
        one_call!(self, "begin", unavailable(), self.store.begin())
    }

    async fn commit(&self, transaction: MemoryTransaction) -> Result<(), CommitError> {
        once!(self, "commit", unknown(), self.store.commit(transaction))
    }

    async fn rollback(&self, transaction: MemoryTransaction) -> Result<(), StoreError> {
        let rollback = self.store.rollback(transaction);
        once!(self, "rollback", unavailable(), rollback)
    }
}
