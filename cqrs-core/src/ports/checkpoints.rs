//! The port of checkpoints: how far each subscription has read.

use crate::{
    model::{Checkpoint, Claim, MemberId, PartitionId, Selection, Standing},
    ports::{
        error::{AdvanceError, StoreError},
        unit_of_work::UnitOfWork,
    },
};

/// The checkpoints of subscriptions, one for each of their partitions.
pub trait Checkpoints: UnitOfWork {
    /// Claims a partition: raises its epoch, which fences every earlier holder, and returns where reading continues.
    ///
    /// A partition of a topic that was never claimed begins here. One of the log must be there
    /// ([`Partitions::subscribe`](crate::ports::Partitions::subscribe)), and with a member it must be the member's. Otherwise the
    /// result is `None`, and nobody is fenced.
    fn claim(
        &self,
        subscription: &str,
        partition: &PartitionId,
        member: Option<MemberId>,
    ) -> impl Future<Output = Result<Option<Claim>, StoreError>> + Send;

    /// Moves the checkpoint from `from` to `to` under the claim's epoch. It is the first statement of a batch's transaction, so
    /// that a fenced runner stops before it does any work.
    ///
    /// The comparison with `from` detects a store that lost commits, for example after a fail-over to a standby that was
    /// behind. Without it, the runner would skip the lost batches.
    ///
    /// # Errors
    /// [`AdvanceError::Fenced`] when the partition has been claimed since, or the checkpoint is not at `from`.
    fn advance_in(
        &self,
        transaction: &mut Self::Transaction,
        subscription: &str,
        partition: &PartitionId,
        epoch: u64,
        from: Option<Checkpoint>,
        to: Checkpoint,
    ) -> impl Future<Output = Result<(), AdvanceError>> + Send;

    /// Moves the checkpoint as [`advance_in`](Self::advance_in) does, because a person has named the place. The store records the
    /// operation, with the reason.
    ///
    /// # Errors
    /// As [`advance_in`](Self::advance_in). [`check_reason`](crate::ports::check_reason) decides on the reason.
    #[expect(clippy::too_many_arguments, reason = "those of a batch, and why")]
    fn move_in(
        &self,
        transaction: &mut Self::Transaction,
        subscription: &str,
        partition: &PartitionId,
        epoch: u64,
        from: Option<Checkpoint>,
        to: Checkpoint,
        reason: &str,
    ) -> impl Future<Output = Result<(), AdvanceError>> + Send;

    /// The checkpoint of a partition; `None` before its first batch. Of the log it may be any range of slices: the checkpoint is
    /// the lowest of theirs, whatever the partitions are.
    fn checkpoint(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> impl Future<Output = Result<Option<Checkpoint>, StoreError>> + Send;

    /// Where a partition stands, and what is requested of its runner; `None` if it is no partition, or was never claimed. An idle runner
    /// asks this a few times a second, so it is one look-up of one row.
    fn standing(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> impl Future<Output = Result<Option<Standing>, StoreError>> + Send;

    /// What the subscription read of a partition when this was last recorded; `None` if it never was.
    fn selection(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> impl Future<Output = Result<Option<Selection>, StoreError>> + Send;

    /// Records what the subscription reads of a partition from now on, under the claim's epoch. A `reason` is recorded too: a
    /// person has decided that the subscription passes over what it did not read before.
    ///
    /// # Errors
    /// [`AdvanceError::Fenced`] when the partition has been claimed since.
    fn select_in(
        &self,
        transaction: &mut Self::Transaction,
        subscription: &str,
        partition: &PartitionId,
        epoch: u64,
        selection: &Selection,
        reason: Option<&str>,
    ) -> impl Future<Output = Result<(), AdvanceError>> + Send;

    /// Records what the subscription reads of a partition of the log, as [`select_in`](Self::select_in) does, and sends the partition back
    /// to the beginning: a person has decided that it handles what it has passed over. The selection says what was
    /// [handled](Selection::was_handled) before. The store records the operation with the reason.
    ///
    /// # Errors
    /// As [`select_in`](Self::select_in). [`check_reason`](crate::ports::check_reason) decides on the reason.
    fn read_again_in(
        &self,
        transaction: &mut Self::Transaction,
        subscription: &str,
        partition: &PartitionId,
        epoch: u64,
        selection: &Selection,
        reason: &str,
    ) -> impl Future<Output = Result<(), AdvanceError>> + Send;

    /// Moves every partition of a subscription back to the beginning, clears its inbox and fences its runners. Nothing of it is parked
    /// any more, and nothing counts as handled before. The store records the operation with the reason.
    ///
    /// # Errors
    /// [`check_reason`](crate::ports::check_reason) decides on the reason.
    fn reset_in(
        &self,
        transaction: &mut Self::Transaction,
        subscription: &str,
        reason: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
