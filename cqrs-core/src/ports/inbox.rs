//! The port of the inbox: which published events a subscription has already received.

use async_trait::async_trait;

use crate::{
    model::{Lane, PartitionId, Position},
    ports::{error::StoreError, unit_of_work::UnitOfWork},
};

/// The highest position received of each lane, for every subscription and partition.
///
/// Only the holder of the claim writes it, in the transaction that moves the checkpoint.
#[async_trait]
pub trait Inbox: UnitOfWork {
    /// What has been received. Read it after the claim.
    async fn received(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Vec<(Lane, Position)>, StoreError>;

    /// Notes what this transaction receives.
    async fn receive_in(
        &self,
        transaction: &mut Self::Transaction,
        subscription: &str,
        partition: &PartitionId,
        received: &[(Lane, Position)],
    ) -> Result<(), StoreError>;
}
