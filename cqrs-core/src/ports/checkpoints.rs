//! The port of checkpoints: how far each subscription has read.

use async_trait::async_trait;

use crate::{
    model::{Checkpoint, Claim, PartitionId},
    ports::{
        error::{AdvanceError, StoreError},
        unit_of_work::UnitOfWork,
    },
};

/// The checkpoints of subscriptions, one for each of their partitions.
#[async_trait]
pub trait Checkpoints: UnitOfWork {
    /// Claims a partition: raises its epoch, which fences every earlier holder, and returns where reading continues.
    async fn claim(&self, subscription: &str, partition: &PartitionId)
    -> Result<Claim, StoreError>;

    /// Moves the checkpoint under the claim's epoch. It is the first statement of a batch's transaction, so that a fenced
    /// runner stops before it does any work.
    ///
    /// # Errors
    /// [`AdvanceError::Fenced`] when the partition has been claimed since.
    async fn advance_in(
        &self,
        transaction: &mut Self::Transaction,
        subscription: &str,
        partition: &PartitionId,
        epoch: u64,
        to: Checkpoint,
    ) -> Result<(), AdvanceError>;

    /// The checkpoint of a partition; `None` before its first batch.
    async fn checkpoint(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Option<Checkpoint>, StoreError>;

    /// Moves every partition of a subscription back to the beginning, clears its inbox and fences its runners.
    async fn reset_in(
        &self,
        transaction: &mut Self::Transaction,
        subscription: &str,
    ) -> Result<(), StoreError>;
}
