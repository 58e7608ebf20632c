//! The events of the store that loses replies: those of the store in memory.

use std::time::Duration;

use super::LosesReplies;
use crate::{
    EventStore,
    memory::MemoryTransaction,
    model::{EventId, Idempotency, LogIdentity, Position, RecordedEvent, StreamId, Version},
    ports::{AppendError, Appended, Appends, LogPage, LogQuery, LookupError, StoreError},
};

impl EventStore for LosesReplies {
    async fn read_stream(
        &self,
        s: &StreamId,
        v: Version,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.0.read_stream(s, v).await
    }
    async fn append_all(&self, appends: Appends) -> Result<Vec<Appended>, AppendError> {
        self.0.append_all(appends).await
    }
    async fn appended_under(&self, i: &Idempotency) -> Result<Option<Vec<Appended>>, LookupError> {
        self.0.appended_under(i).await
    }
    async fn read_streams_in(
        &self,
        tx: &mut MemoryTransaction,
        streams: &[StreamId],
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.0.read_streams_in(tx, streams).await
    }
    async fn append_in(
        &self,
        tx: &mut MemoryTransaction,
        appends: Appends,
    ) -> Result<Vec<Appended>, AppendError> {
        self.0.append_in(tx, appends).await
    }
    async fn read_log(&self, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        self.0.read_log(query).await
    }
    async fn high_water_mark(&self) -> Result<Position, StoreError> {
        self.0.high_water_mark().await
    }
    async fn identity(&self) -> Result<LogIdentity, StoreError> {
        self.0.identity().await
    }
    async fn renew_id(&self, after: Position, reason: &str) -> Result<LogIdentity, StoreError> {
        self.0.renew_id(after, reason).await
    }
    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        self.0.event_id_at(position).await
    }
    async fn wait_for_append(&self, at_most: Duration) {
        self.0.wait_for_append(at_most).await;
    }
}
