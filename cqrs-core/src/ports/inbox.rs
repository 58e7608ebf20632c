//! The port of the inbox: the published events that a subscription has already received.

use crate::{
    model::{Lane, PartitionId, Position},
    ports::{error::StoreError, unit_of_work::UnitOfWork},
};

/// The highest position received from each lane, for each subscription and partition.
///
/// Only the holder of the claim writes it, in the transaction that moves the checkpoint.
pub trait Inbox: UnitOfWork {
    /// The highest positions received. Read them after the claim.
    fn received(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> impl Future<Output = Result<Vec<(Lane, Position)>, StoreError>> + Send;

    /// Moves every partition of topics back to its beginning, keeps what was received, and fences the subscription's runners.
    /// The store records the operation, with the reason, if it has users. It calls
    /// [`check_reason`](super::check_reason).
    fn rewind_in(
        &self,
        transaction: &mut Self::Transaction,
        subscription: &str,
        reason: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Records the highest position of each lane in the transaction's batch.
    fn receive_in(
        &self,
        transaction: &mut Self::Transaction,
        subscription: &str,
        partition: &PartitionId,
        received: &[(Lane, Position)],
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
