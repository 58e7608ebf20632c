//! Waits until a subscription has handled a partition up to an offset.

use std::time::Duration;

use crate::{
    model::{Offset, PartitionId},
    ports::{Checkpoints, StoreError},
};

/// The wait before the second check.
const FIRST_WAIT: Duration = Duration::from_millis(1);

/// The wait doubles up to this.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_millis(20);

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
