//! The port of transactions.

use crate::ports::error::{CommitError, StoreError};

/// A store with transactions: all writes of a transaction happen, or none. Appended events, a checkpoint, documents, the
/// inbox and a projection's SQL are atomic when they take the same transaction.
///
/// A clone is a handle to the same store.
pub trait UnitOfWork: Clone + Send + Sync + 'static {
    /// An open transaction. It reads its own writes, writes to the store that it was begun on, and is rolled back when it is
    /// dropped without a commit.
    type Transaction: Send;

    /// Begins a transaction.
    fn begin(&self) -> impl Future<Output = Result<Self::Transaction, StoreError>> + Send;

    /// Makes every write of the transaction durable and visible, or none of them.
    ///
    /// # Errors
    /// A conflict or a fence that the store detects only at commit; a store error of the kind
    /// [`OutcomeUnknown`](crate::StoreErrorKind::OutcomeUnknown) when the reply was lost.
    fn commit(
        &self,
        transaction: Self::Transaction,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// Undoes every write of the transaction.
    fn rollback(
        &self,
        transaction: Self::Transaction,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
