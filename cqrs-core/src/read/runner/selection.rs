//! Records what a subscription reads.
//!
//! **Invariant**: a subscription that reads more than before does not silently leave out what it has passed over. It stops, unless
//! there is no such event, or a person has accepted it.

use crate::{
    model::{PartitionId, Selection, Slices},
    ports::{Checkpoints, CommitError, EventStore, Inbox, StoreError},
    read::{handler::Handler, runner::LogRunner},
};

/// Records it in a transaction of its own.
pub(super) async fn record<S: Checkpoints>(
    store: &S,
    subscription: &str,
    partition: &PartitionId,
    epoch: u64,
    selection: &Selection,
    reason: Option<&str>,
) -> Result<(), CommitError> {
    let mut transaction = store.begin().await?;
    store
        .select_in(
            &mut transaction,
            subscription,
            partition,
            epoch,
            selection,
            reason,
        )
        .await?;
    store.commit(transaction).await
}

impl<S: EventStore + Checkpoints + Inbox, H: Handler<S>> LogRunner<S, H> {
    /// Passes over the events that this role reads now, did not read before, and that lie before its checkpoint. The reason is
    /// recorded. The next start continues at the checkpoint.
    ///
    /// It is one way past [`PassedOver`](crate::read::RunnerErrorKind::PassedOver); the other is to reset the subscription,
    /// which handles all events again.
    ///
    /// # Errors
    /// When the store fails, or a runner of this subscription started meanwhile: try again.
    pub async fn accept_selection(&self, reason: &str) -> Result<(), CommitError> {
        let subscription = self.handler.subscription();
        let log = PartitionId::Log(Slices::ALL);
        let reads = self.handler.reads().map_err(StoreError::from)?;
        let claim = self.store.claim(subscription, &log).await?;
        let selection = Selection::of(&reads);
        record(
            &self.store,
            subscription,
            &log,
            claim.epoch,
            &selection,
            Some(reason),
        )
        .await?;
        tracing::warn!(
            subscription,
            reason,
            "what the subscription reads is accepted"
        );
        Ok(())
    }
}
