//! The log.

use std::time::Duration;

use cqrs_core::{
    EventId, EventStore, Position, RecordedEvent, StoreError, StreamId, Version,
    memory::MemoryTransaction,
    model::{Idempotency, LogIdentity},
    ports::{AppendError, Appended, Appends, LogPage, LogQuery, LookupError},
};

use super::{Gated, once, one_call, unavailable, unknown};
use crate::desk::Verdict;

impl EventStore for Gated {
    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let call = || self.store.read_stream(stream, after);
        one_call!(self, "read_stream", unavailable(), call())
    }

    async fn append_all(&self, appends: Appends) -> Result<Vec<Appended>, AppendError> {
        let call = self.store.append_all(appends);
        once!(self, "append_all", unknown(), call)
    }

    async fn appended_under(
        &self,
        idempotency: &Idempotency,
    ) -> Result<Option<Vec<Appended>>, LookupError> {
        let call = || self.store.appended_under(idempotency);
        one_call!(self, "appended_under", unavailable(), call())
    }

    async fn read_streams_in(
        &self,
        transaction: &mut MemoryTransaction,
        streams: &[StreamId],
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let call = self.store.read_streams_in(transaction, streams);
        once!(self, "read_streams_in", unavailable(), call)
    }

    async fn append_in(
        &self,
        transaction: &mut MemoryTransaction,
        appends: Appends,
    ) -> Result<Vec<Appended>, AppendError> {
        let call = self.store.append_in(transaction, appends);
        once!(self, "append_in", unavailable(), call)
    }

    async fn read_log(&self, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        let call = || self.store.read_log(query);
        one_call!(self, "read_log", unavailable(), call())
    }

    async fn high_water_mark(&self) -> Result<Position, StoreError> {
        let call = || self.store.high_water_mark();
        one_call!(self, "high_water_mark", unavailable(), call())
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        let call = || self.store.event_id_at(position);
        one_call!(self, "event_id_at", unavailable(), call())
    }

    async fn identity(&self) -> Result<LogIdentity, StoreError> {
        let call = || self.store.identity();
        one_call!(self, "identity", unavailable(), call())
    }

    async fn renew_id(&self, after: Position, reason: &str) -> Result<LogIdentity, StoreError> {
        let call = self.store.renew_id(after, reason);
        once!(self, "renew_id", unknown(), call)
    }

    /// Who waits is woken by the append, not by an answer.
    async fn wait_for_append(&self, at_most: Duration) {
        self.store.wait_for_append(at_most).await;
    }
}
