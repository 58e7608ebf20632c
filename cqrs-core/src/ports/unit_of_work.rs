//! What commits together.

use async_trait::async_trait;

use crate::ports::error::{CommitError, StoreError};

/// A store that can make several writes at once or not at all. Everything that must be atomic takes the same
/// transaction: appended events, a checkpoint, documents, the inbox, a projection's own SQL.
///
/// A clone is a handle to the same store.
#[async_trait]
pub trait UnitOfWork: Clone + Send + Sync + 'static {
    /// Writes under way. Dropped without a commit, they are rolled back.
    type Transaction: Send;

    /// Begins.
    async fn begin(&self) -> Result<Self::Transaction, StoreError>;

    /// Makes every write of the transaction durable and visible, or none of them.
    ///
    /// # Errors
    /// A conflict or fence that was proved only now; a store error of the kind
    /// [`OutcomeUnknown`](crate::StoreErrorKind::OutcomeUnknown) when the answer was lost.
    async fn commit(&self, transaction: Self::Transaction) -> Result<(), CommitError>;

    /// Undoes every write of the transaction.
    async fn rollback(&self, transaction: Self::Transaction) -> Result<(), StoreError>;
}
