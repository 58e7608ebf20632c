//! Checkpoints, documents and the inbox.

use std::collections::HashMap;

use cqrs_core::{
    Position, StoreError,
    memory::MemoryTransaction,
    model::{Checkpoint, Claim, KeyRange, Lane, MemberId, PartitionId, Selection, Standing},
    ports::{AdvanceError, Checkpoints, Document, DocumentWrite, Documents, Inbox, SaveError},
};

use super::{Gated, once, one_call, unavailable, unknown};
use crate::desk::Verdict;

impl Checkpoints for Gated {
    async fn claim(
        &self,
        subscription: &str,
        partition: &PartitionId,
        member: Option<MemberId>,
    ) -> Result<Option<Claim>, StoreError> {
        self.before_claim(subscription, partition).await?;
        let call = || self.store.claim(subscription, partition, member);
        let claim: Result<_, StoreError> = one_call!(self, "claim", unknown(), call());
        Ok(claim?.map(|claim| self.claimed(partition, claim)))
    }

    async fn advance_in(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        partition: &PartitionId,
        epoch: u64,
        from: Option<Checkpoint>,
        to: Checkpoint,
    ) -> Result<(), AdvanceError> {
        let call = self.advanced(transaction, subscription, partition, epoch, from, to);
        once!(self, "advance_in", unavailable(), call)
    }

    async fn move_in(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        partition: &PartitionId,
        epoch: u64,
        from: Option<Checkpoint>,
        to: Checkpoint,
        reason: &str,
    ) -> Result<(), AdvanceError> {
        let store = &self.store;
        let call = store.move_in(
            transaction,
            subscription,
            partition,
            epoch,
            from,
            to,
            reason,
        );
        once!(self, "move_in", unavailable(), call)
    }

    async fn checkpoint(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Option<Checkpoint>, StoreError> {
        let call = || self.store.checkpoint(subscription, partition);
        one_call!(self, "checkpoint", unavailable(), call())
    }

    async fn standing(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Option<Standing>, StoreError> {
        let call = || self.store.standing(subscription, partition);
        one_call!(self, "standing", unavailable(), call())
    }

    async fn selection(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Option<Selection>, StoreError> {
        let call = || self.store.selection(subscription, partition);
        one_call!(self, "selection", unavailable(), call())
    }

    async fn select_in(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        partition: &PartitionId,
        epoch: u64,
        selection: &Selection,
        reason: Option<&str>,
    ) -> Result<(), AdvanceError> {
        let (store, epoch) = (&self.store, self.stored_epoch(partition, epoch));
        let call = store.select_in(
            transaction,
            subscription,
            partition,
            epoch,
            selection,
            reason,
        );
        once!(self, "select_in", unavailable(), call)
    }

    async fn read_again_in(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        partition: &PartitionId,
        epoch: u64,
        selection: &Selection,
        reason: &str,
    ) -> Result<(), AdvanceError> {
        let (store, epoch) = (&self.store, self.stored_epoch(partition, epoch));
        let call = store.read_again_in(
            transaction,
            subscription,
            partition,
            epoch,
            selection,
            reason,
        );
        once!(self, "read_again_in", unavailable(), call)
    }

    async fn reset_in(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        let call = self.store.reset_in(transaction, subscription, reason);
        once!(self, "reset_in", unavailable(), call)
    }
}

impl Documents for Gated {
    async fn prepare_view(&self, view: &str) -> Result<(), StoreError> {
        let call = || self.store.prepare_view(view);
        one_call!(self, "prepare_view", unknown(), call())
    }

    async fn load_in(
        &self,
        transaction: &mut MemoryTransaction,
        view: &str,
        keys: &[String],
    ) -> Result<HashMap<String, Document>, StoreError> {
        let call = self.store.load_in(transaction, view, keys);
        once!(self, "load_in", unavailable(), call)
    }

    async fn save_in(
        &self,
        transaction: &mut MemoryTransaction,
        view: &str,
        writes: &[DocumentWrite],
    ) -> Result<(), SaveError> {
        let call = self.store.save_in(transaction, view, writes);
        once!(self, "save_in", unavailable(), call)
    }

    async fn clear_in(
        &self,
        transaction: &mut MemoryTransaction,
        view: &str,
    ) -> Result<(), StoreError> {
        let call = self.store.clear_in(transaction, view);
        once!(self, "clear_in", unavailable(), call)
    }

    async fn document(&self, view: &str, key: &str) -> Result<Option<Document>, StoreError> {
        let call = || self.store.document(view, key);
        one_call!(self, "document", unavailable(), call())
    }

    async fn documents(
        &self,
        view: &str,
        keys: &KeyRange,
        limit: usize,
    ) -> Result<Vec<(String, Document)>, StoreError> {
        let call = || self.store.documents(view, keys, limit);
        one_call!(self, "documents", unavailable(), call())
    }
}

impl Inbox for Gated {
    async fn received(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Vec<(Lane, Position)>, StoreError> {
        let call = || self.store.received(subscription, partition);
        one_call!(self, "received", unavailable(), call())
    }

    async fn rewind_in(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        let call = self.store.rewind_in(transaction, subscription, reason);
        once!(self, "rewind_in", unavailable(), call)
    }

    async fn receive_in(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        partition: &PartitionId,
        received: &[(Lane, Position)],
    ) -> Result<(), StoreError> {
        let call = self
            .store
            .receive_in(transaction, subscription, partition, received);
        once!(self, "receive_in", unavailable(), call)
    }
}
