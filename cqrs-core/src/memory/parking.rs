//! The port of what is parked.

use super::{MemoryEventStore, MemoryTransaction, State};
use crate::{
    model::{
        EventId, OrderingKey, PartitionId, RecordedEvent, Selection, Slices, StreamId, Version,
    },
    ports::{
        EventStore, ParkedKey, ParkedRequest, Parking, StoreError, StoreErrorKind, check_reason,
    },
};

impl Parking for MemoryEventStore {
    async fn parked_keys(
        &self,
        subscription: &str,
        slices: Slices,
    ) -> Result<Vec<OrderingKey>, StoreError> {
        let state = self.state();
        let keys = state.parked.within(subscription, slices);
        Ok(keys.map(|stored| stored.parked.key.clone()).collect())
    }

    async fn park_in(
        &self,
        transaction: &mut MemoryTransaction,
        parked: &ParkedKey,
        at_most: u64,
    ) -> Result<bool, StoreError> {
        let state = transaction.store.state();
        let key = (parked.subscription.clone(), parked.key.clone());
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

    async fn requested(
        &self,
        subscription: &str,
        slices: Slices,
    ) -> Result<Vec<ParkedKey>, StoreError> {
        let state = self.state();
        let keys = state.parked.within(subscription, slices);
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
    ) -> Result<bool, StoreError> {
        let state = transaction.store.state();
        let key = (parked.subscription.clone(), parked.key.clone());
        let found = transaction.parking.is_parked(&state, &key);
        if found {
            transaction
                .parking
                .change(&state, key, Some(parked.clone()));
        }
        Ok(found)
    }

    async fn unpark_in(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        key: &OrderingKey,
    ) -> Result<bool, StoreError> {
        let state = transaction.store.state();
        let key = (subscription.to_owned(), key.clone());
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

    async fn request(
        &self,
        subscription: &str,
        key: &OrderingKey,
        event: EventId,
        request: &ParkedRequest,
    ) -> Result<bool, StoreError> {
        if let ParkedRequest::Discard { reason } = request {
            check_reason(reason)?;
        }
        let mut state = self.state();
        let keys = &mut state.parked;
        let parked = (subscription.to_owned(), key.clone());
        let Some(stored) = keys.keys.get_mut(&parked) else {
            return Ok(false);
        };
        if stored.parked.event.id != event || stored.parked.requested.is_some() {
            return Ok(false);
        }
        keys.requests += 1;
        stored.request = keys.requests;
        stored.parked.requested = Some(request.clone());
        Ok(true)
    }

    async fn waiting(&self, parked: &ParkedKey) -> Result<u64, StoreError> {
        let Some(stream) = parked.key.stream() else {
            return Ok(1);
        };
        let state = self.state();
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
        let mut events = self.read_stream(stream, after).await?;
        events.truncate(limit);
        Ok(events)
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
