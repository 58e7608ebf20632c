//! The port of what is parked.

use super::{MemoryEventStore, MemoryTransaction, State, parked::id_of};
use crate::{
    model::{OrderingKey, PartitionId, RecordedEvent, Selection, StreamId, Version},
    ports::{
        DeadLetter, EventStore, LogQuery, ParkedKey, Parking, StoreError, StoreErrorKind,
        TopicRecord, WaitingRecord,
    },
};

impl Parking for MemoryEventStore {
    async fn parked_keys(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Vec<OrderingKey>, StoreError> {
        let state = self.state();
        let keys = state.parked.within(subscription, partition);
        Ok(keys.map(|stored| stored.parked.key.clone()).collect())
    }

    async fn park_in(
        &self,
        transaction: &mut MemoryTransaction,
        parked: &ParkedKey,
        at_most: u64,
    ) -> Result<bool, StoreError> {
        let state = transaction.store.state();
        let key = id_of(parked);
        if transaction.parking.is_parked(&state, &key) {
            let message = format!("{} is parked already", parked.key);
            return Err(StoreError::new(StoreErrorKind::Other, message));
        }
        let count = transaction.parking.count(&state, &parked.subscription);
        let parks = (count as u64) < at_most;
        if parks {
            transaction
                .parking
                .change(&state, key, Some(parked.clone()));
        }
        Ok(parks)
    }

    async fn wait_in(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        records: &[WaitingRecord],
    ) -> Result<(), StoreError> {
        let state = transaction.store.state();
        for WaitingRecord { key, record } in records {
            let partition = Some(record.partition_id());
            let parked = (subscription.to_owned(), partition, key.clone());
            transaction.parking.wait(&state, parked, record);
        }
        Ok(())
    }

    async fn waiting_records(
        &self,
        parked: &ParkedKey,
        limit: usize,
    ) -> Result<Vec<TopicRecord>, StoreError> {
        let state = self.state();
        let records = state.parked.waiting.get(&id_of(parked)).into_iter();
        let records = records.flatten();
        let records = records.map(|stored| stored.record.clone());
        Ok(records.take(limit).collect())
    }

    async fn next_dead_letter(
        &self,
        subscription: &str,
        partition: &PartitionId,
        after: Option<u64>,
    ) -> Result<Option<DeadLetter>, StoreError> {
        let state = self.state();
        let keys = state.parked.within(subscription, partition);
        let letters = keys.filter_map(|stored| state.parked.dead_letter(stored));
        let letters = letters.filter(|letter| after.is_none_or(|after| letter.id > after));
        Ok(letters.min_by_key(|letter| letter.id))
    }

    async fn dead_letter_published(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.state().parked.published(letter);
        Ok(())
    }

    async fn requested(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Vec<ParkedKey>, StoreError> {
        let state = self.state();
        let keys = state.parked.within(subscription, partition);
        let requested = keys.filter(|stored| stored.parked.requested.is_some());
        let mut requested = Vec::from_iter(requested);
        requested.sort_by_key(|stored| stored.request);
        let parked = requested.into_iter().map(|stored| stored.parked.clone());
        Ok(parked.collect())
    }

    async fn update_parked_in(
        &self,
        transaction: &mut MemoryTransaction,
        parked: &ParkedKey,
        handled: usize,
    ) -> Result<bool, StoreError> {
        let state = transaction.store.state();
        let key = id_of(parked);
        let found = transaction.parking.is_parked(&state, &key);
        if found {
            transaction.parking.handled(key.clone(), handled);
            transaction
                .parking
                .change(&state, key, Some(parked.clone()));
        }
        Ok(found)
    }

    async fn unpark_in(
        &self,
        transaction: &mut MemoryTransaction,
        parked: &ParkedKey,
    ) -> Result<bool, StoreError> {
        let state = transaction.store.state();
        let key = id_of(parked);
        let found = transaction.parking.is_parked(&state, &key);
        if found {
            transaction.parking.change(&state, key, None);
        }
        Ok(found)
    }

    async fn parked(&self, subscription: &str) -> Result<Vec<ParkedKey>, StoreError> {
        let state = self.state();
        let keys = state.parked.of(subscription);
        let mut keys = Vec::from_iter(keys.map(|stored| stored.parked.clone()));
        keys.sort_by_key(|parked| parked.event.position);
        Ok(keys)
    }

    async fn waiting(&self, parked: &ParkedKey) -> Result<u64, StoreError> {
        let state = self.state();
        if parked.topic.is_some() {
            let records = state.parked.waiting.get(&id_of(parked));
            return Ok(records.map_or(0, |records| records.len() as u64));
        }
        let Some(stream) = parked.key.stream() else {
            return Ok(1);
        };
        let (read, selection) = state.has_read(&parked.subscription, stream.slice());
        let after = Version::new(parked.event.version.get().saturating_sub(1));
        let waiting = state.history(stream, after).filter(|event| {
            let category = event.stream.category().as_str();
            event.position.get() <= read && selection.matches(category, &event.event_type)
        });
        Ok(waiting.count() as u64)
    }

    async fn read_stream_page(
        &self,
        stream: &StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let events = self.read_stream(stream, after).await?;
        let mut bytes = 0;
        let fits = |event: &RecordedEvent| {
            let fits = bytes < LogQuery::BYTES;
            bytes += event.payload.len();
            fits
        };
        Ok(events.into_iter().take(limit).take_while(fits).collect())
    }
}

impl State {
    /// How far a subscription has read a slice of the log, and what it reads of it.
    fn has_read(&self, subscription: &str, slice: u16) -> (u64, Selection) {
        let partitions = self.log_partitions(subscription);
        let mut partitions = partitions.into_iter();
        let Some((slices, claim)) = partitions.find(|(slices, _)| slices.contains(slice)) else {
            return (0, Selection::default());
        };
        let subscribed = (subscription.to_owned(), PartitionId::Log(slices));
        let selection = self.selections.get(&subscribed).cloned();
        let read = claim.place_of(slice).map_or(0, |at| at.offset.get());
        (read, selection.unwrap_or_default())
    }
}
