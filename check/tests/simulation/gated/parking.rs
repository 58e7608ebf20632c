//! What is parked and discarded.

use cqrs_core::{
    RecordedEvent, StoreError, StreamId, Version,
    memory::MemoryTransaction,
    model::{OrderingKey, PartitionId},
    ports::{DeadLetter, Discarded, Discards, ParkedKey, Parking, TopicRecord, WaitingRecord},
};

use super::{Gated, once, one_call, unavailable};
use crate::{bug::Bug, desk::Verdict};

impl Discards for Gated {
    async fn discard_in(
        &self,
        transaction: &mut MemoryTransaction,
        discarded: &Discarded,
    ) -> Result<(), StoreError> {
        let call = self.store.discard_in(transaction, discarded);
        once!(self, "discard_in", unavailable(), call)
    }

    async fn discarded(&self, subscription: &str) -> Result<Vec<Discarded>, StoreError> {
        let call = || self.store.discarded(subscription);
        one_call!(self, "discarded", unavailable(), call())
    }
}

impl Parking for Gated {
    async fn parked_keys(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Vec<OrderingKey>, StoreError> {
        if self.bug == Some(Bug::KeysBeforeClaim) {
            return Ok(self.keys_before_claim(partition));
        }
        let call = || self.store.parked_keys(subscription, partition);
        one_call!(self, "parked_keys", unavailable(), call())
    }

    async fn park_in(
        &self,
        transaction: &mut MemoryTransaction,
        parked: &ParkedKey,
        at_most: u64,
    ) -> Result<bool, StoreError> {
        let call = self.store.park_in(transaction, parked, at_most);
        once!(self, "park_in", unavailable(), call)
    }

    async fn wait_in(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        records: &[WaitingRecord],
    ) -> Result<(), StoreError> {
        let call = self.store.wait_in(transaction, subscription, records);
        once!(self, "wait_in", unavailable(), call)
    }

    async fn waiting_records(
        &self,
        parked: &ParkedKey,
        limit: usize,
    ) -> Result<Vec<TopicRecord>, StoreError> {
        let call = || self.store.waiting_records(parked, limit);
        one_call!(self, "waiting_records", unavailable(), call())
    }

    async fn next_dead_letter(
        &self,
        subscription: &str,
        partition: &PartitionId,
        after: Option<u64>,
    ) -> Result<Option<DeadLetter>, StoreError> {
        let call = || self.store.next_dead_letter(subscription, partition, after);
        one_call!(self, "next_dead_letter", unavailable(), call())
    }

    async fn dead_letter_published(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        let call = || self.store.dead_letter_published(letter);
        one_call!(self, "dead_letter_published", unavailable(), call())
    }

    async fn requested(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Vec<ParkedKey>, StoreError> {
        let call = || self.store.requested(subscription, partition);
        one_call!(self, "requested", unavailable(), call())
    }

    async fn update_parked_in(
        &self,
        transaction: &mut MemoryTransaction,
        parked: &ParkedKey,
        handled: usize,
    ) -> Result<bool, StoreError> {
        let call = self.store.update_parked_in(transaction, parked, handled);
        once!(self, "update_parked_in", unavailable(), call)
    }

    async fn unpark_in(
        &self,
        transaction: &mut MemoryTransaction,
        parked: &ParkedKey,
    ) -> Result<bool, StoreError> {
        let call = self.store.unpark_in(transaction, parked);
        once!(self, "unpark_in", unavailable(), call)
    }

    async fn parked(&self, subscription: &str) -> Result<Vec<ParkedKey>, StoreError> {
        let call = || self.store.parked(subscription);
        one_call!(self, "parked", unavailable(), call())
    }

    async fn waiting(&self, parked: &ParkedKey) -> Result<u64, StoreError> {
        let call = || self.store.waiting(parked);
        one_call!(self, "waiting", unavailable(), call())
    }

    async fn read_stream_page(
        &self,
        stream: &StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let call = || self.store.read_stream_page(stream, after, limit);
        one_call!(self, "read_stream_page", unavailable(), call())
    }
}
