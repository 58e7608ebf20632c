//! Reads the events that wait for a parked key: they are in the log, from the event in front to where their slice stands.

use super::{
    claimed::ClaimedPartition,
    parked::{key_of, slice_of},
    worker::Worker,
};
use crate::{
    model::{PartitionedBy, Position, RecordedEvent, Selection, StreamId, Version},
    ports::{Checkpoints, Inbox, LogQuery, ParkedKey, Parking, Reader, StoreError},
    read::handler::Handler,
};

/// How many events of the log are read at once for a key that is not a stream.
const PAGE: usize = 1_000;

impl<S: Checkpoints + Inbox + Parking, H: Handler<S>, R: Reader> Worker<S, H, R> {
    /// Up to `limit` events that wait, with the one in front.
    pub(super) async fn waiting(
        &self,
        claimed: &ClaimedPartition,
        parked: &ParkedKey,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        match parked.key.stream() {
            Some(stream) => self.waiting_in_stream(claimed, parked, stream, limit).await,
            None => self.waiting_in_log(claimed, parked, limit).await,
        }
    }

    async fn waiting_in_stream(
        &self,
        claimed: &ClaimedPartition,
        parked: &ParkedKey,
        stream: &StreamId,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        // The constructor of the runner has checked that the handler has a list.
        let selection = Selection::of(&self.handler.reads().unwrap_or_default());
        let mut found = Vec::new();
        let mut after = Version::new(parked.event.version.get().saturating_sub(1));
        loop {
            let page = self.store.read_stream_page(stream, after, limit).await?;
            let last = page.len() < limit;
            for event in page {
                after = event.version;
                let category = event.stream.category().as_str();
                if !self.is_read(claimed, &event) || found.len() == limit {
                    return Ok(found);
                }
                if selection.matches(category, &event.event_type) && self.is_of(parked, &event) {
                    found.push(event);
                }
            }
            if last {
                return Ok(found);
            }
        }
    }

    async fn waiting_in_log(
        &self,
        claimed: &ClaimedPartition,
        parked: &ParkedKey,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let reads = self.handler.reads().unwrap_or_default();
        let mut found = Vec::new();
        let mut after = Position::new(parked.event.position.get().saturating_sub(1));
        // Where keys decide the partition, all events of the key are in one slice, which may be ahead.
        let at = match self.handler.partitioned_by() {
            PartitionedBy::Stream => claimed.claim.at,
            PartitionedBy::OrderingKey => claimed.place_of(parked.key.slice()),
        };
        let upto = at.map_or(0, |at| at.offset.get());
        while found.len() < limit {
            let query = LogQuery::new(after, PAGE).upto(Position::new(upto));
            let page = self.store.read_log(query.reads(&reads)).await?;
            let waits =
                |event: &RecordedEvent| self.is_read(claimed, event) && self.is_of(parked, event);
            found.extend(page.events.into_iter().filter(waits));
            match page.upto {
                Some(read) => after = Position::new(read.offset.get()),
                None => break,
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    fn is_of(&self, parked: &ParkedKey, event: &RecordedEvent) -> bool {
        key_of::<S>(&*self.handler, event) == parked.key
    }

    /// Whether the subscription has read as far as the event. The slice of the event may be ahead of the partition: what was read of
    /// it beyond the partition's own place does not come again, so it waits with the others.
    fn is_read(&self, claimed: &ClaimedPartition, event: &RecordedEvent) -> bool {
        let place = claimed.place_of(slice_of::<S>(&*self.handler, event));
        place.is_some_and(|at| event.position.get() <= at.offset.get())
    }
}
