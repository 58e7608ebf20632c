//! Waits until a subscription has handled a partition up to an offset.

use std::time::Duration;

use crate::{
    model::{Offset, PartitionId, Position, Slices},
    ports::{Checkpoints, ParkedKey, Parking, StoreError},
    read::parked_keys::ParkedKeys,
};

/// The store's own log.
const LOG: PartitionId = PartitionId::Log(Slices::ALL);

/// The wait before the second check.
const FIRST_WAIT: Duration = Duration::from_millis(1);

/// The wait doubles up to this.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_millis(20);

/// A wait for an event that has ended without it being handled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The event waits, because its key is parked. It is handled after somebody has redriven the key
    /// ([`ParkedKeys`](crate::read::ParkedKeys)), and not by itself.
    #[error("the event is not handled by itself: it waits behind {}, which could not be handled", .0.event)]
    Parked(Box<ParkedKey>),
    /// The store failed.
    #[error("the wait has failed")]
    Store(#[from] StoreError),
}

/// Waits until a subscription (a view, a reactor or a projection, by its `NAME`) has handled the store's own log up to `position`,
/// or up to the events of a command. Without a runner for it, or if its runner has failed, this never returns: use a timeout.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # use std::time::Duration;
/// # async fn ship<A: Aggregate<Command = String> + serde::Serialize, R: Reactor>(
/// #     store: MemoryEventStore,
/// #     orders: Repository<A, MemoryEventStore>,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// let placed = orders.execute("17", "book".to_owned()).await?;
/// let reacted = cqrs_core::read::wait_for(&store, R::NAME, &placed);
/// tokio::time::timeout(Duration::from_secs(2), reacted).await??;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`WaitError::Parked`] when the event at the position waits because its stream is parked. For a handler with other
/// [ordering keys](crate::read::Handler::ordering_key), only the event in front is reported. [`WaitError::Store`] when the store fails.
pub fn wait_for<S: Checkpoints + Parking, P: Into<Position>>(
    store: &S,
    subscription: &str,
    position: P,
) -> impl Future<Output = Result<(), WaitError>> + Send {
    let position = position.into();
    async move {
        handled(store, subscription, &LOG, Offset::new(position.get())).await?;
        // Not before: what was not handled when the checkpoint passed it is parked by now, until it is handled.
        match ParkedKeys::new(store, subscription)
            .holding(position)
            .await?
        {
            Some(parked) => Err(WaitError::Parked(Box::new(parked))),
            None => Ok(()),
        }
    }
}

/// Waits until the checkpoint is at or after `offset`.
pub(crate) async fn handled<S: Checkpoints>(
    store: &S,
    subscription: &str,
    partition: &PartitionId,
    offset: Offset,
) -> Result<(), StoreError> {
    let mut wait = FIRST_WAIT;
    loop {
        let checkpoint = store.checkpoint(subscription, partition).await?;
        let found = checkpoint.map_or(Offset::default(), |checkpoint| checkpoint.offset);
        if found >= offset {
            return Ok(());
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}
