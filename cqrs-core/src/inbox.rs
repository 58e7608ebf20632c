//! Which published events a subscription has already received.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use crate::{PartitionId, Position, StoreError, UnitOfWork};

/// One publisher of a topic: a shard of a relay. Within a lane positions rise, so that an event at or below the highest
/// one received is a repeat.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lane(Arc<str>);

impl Lane {
    /// The lane with this name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

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
