//! The ports of the event store: appends, reads of streams and of the log, snapshots.

use std::time::Duration;

use cqrs_core::{
    EventId, EventStore, Position, RecordedEvent, StoreError, StreamId, Version,
    model::{Idempotency, Limits, LogIdentity},
    ports::{
        AppendError, Appended, Appends, LogPage, LogQuery, LogSearch, LookupError, PastEvent,
        Snapshot, Snapshots, Turns, check_reason,
    },
};
use uuid::Uuid;

use super::{log, log_identity, log_search, rights};
use crate::{
    append, replay,
    row::{self, signed},
    store::PgEventStore,
    transaction::PgTransaction,
};

impl EventStore for PgEventStore {
    fn turns(&self) -> Turns {
        self.command_turns().clone()
    }

    fn size_limits(&self) -> Limits {
        self.backend().limits
    }

    async fn read_stream(
        &self,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let query = sqlx::query(self.backend().statements.read_stream.sql())
            .bind(stream.category().as_str())
            .bind(stream.id())
            .bind(signed(after.get()));
        let rows = self
            .backend()
            .ask(async |connection| query.fetch_all(connection).await)
            .await?;
        row::read_stream(stream, &rows)
    }

    async fn replay(
        &self,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<PastEvent>, StoreError> {
        self.replayer().replay(stream, after).await
    }

    async fn replay_all(&self, streams: &[StreamId]) -> Result<Vec<Vec<PastEvent>>, StoreError> {
        replay::replay_all(self.backend(), streams).await
    }

    async fn append_all(&self, appends: Appends) -> Result<Vec<Appended>, AppendError> {
        appends.check(self.backend().limits)?;
        if appends.streams.is_empty() {
            return Ok(Vec::new());
        }
        self.appender().append(appends).await
    }

    async fn appended_under(
        &self,
        idempotency: &Idempotency,
    ) -> Result<Option<Vec<Appended>>, LookupError> {
        append::appended_under(self.backend(), idempotency).await
    }

    async fn read_streams_in(
        &self,
        transaction: &mut PgTransaction,
        streams: &[StreamId],
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let (categories, ids) = names(streams.iter());
        let query = sqlx::query(self.backend().statements.read_streams.sql())
            .bind(categories)
            .bind(ids);
        let rows = transaction
            .ask(async |connection| query.fetch_all(connection).await)
            .await?;
        row::read_streams(&rows)
    }

    async fn append_in(
        &self,
        transaction: &mut PgTransaction,
        appends: Appends,
    ) -> Result<Vec<Appended>, AppendError> {
        appends.check(self.backend().limits)?;
        if appends.streams.is_empty() {
            return Ok(Vec::new());
        }
        append::append_in(self.backend(), transaction, &appends).await
    }

    async fn read_log(&self, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
        log::read(self, query).await
    }

    async fn search_log(&self, search: &LogSearch) -> Result<Vec<RecordedEvent>, StoreError> {
        log_search::search(self, search).await
    }

    async fn high_water_mark(&self) -> Result<Position, StoreError> {
        log::high_water_mark(self, &mut self.backend().acquire().await?).await
    }

    async fn last_position(&self) -> Result<Position, StoreError> {
        log::last_position(self, &mut self.backend().acquire().await?).await
    }

    async fn event_id_at(&self, position: Position) -> Result<Option<EventId>, StoreError> {
        let query = sqlx::query_scalar(self.backend().statements.event_id_at.sql())
            .bind(signed(position.get()));
        let id: Option<Uuid> = self
            .backend()
            .ask(async |connection| query.fetch_one(connection).await)
            .await?;
        Ok(id.map(EventId::from_uuid))
    }

    async fn identity(&self) -> Result<LogIdentity, StoreError> {
        log_identity::read(self.backend()).await
    }

    async fn renew_id(&self, after: Position, reason: &str) -> Result<LogIdentity, StoreError> {
        log_identity::renew(self.backend(), after, reason).await
    }

    async fn record_operation(
        &self,
        verb: &str,
        arguments: &[(&str, String)],
        reason: &str,
    ) -> Result<(), StoreError> {
        self.record(verb, arguments, reason, None).await
    }

    async fn record_outcome(
        &self,
        verb: &str,
        arguments: &[(&str, String)],
        reason: &str,
        outcome: &str,
    ) -> Result<(), StoreError> {
        self.record(verb, arguments, reason, Some(outcome)).await
    }

    async fn wait_for_append(&self, at_most: Duration) {
        // Whether it was woken or the time is up, the caller reads.
        let _ = tokio::time::timeout(at_most, self.backend().appended.notified()).await;
    }
}

impl PgEventStore {
    async fn record(
        &self,
        verb: &str,
        arguments: &[(&str, String)],
        reason: &str,
        outcome: Option<&str>,
    ) -> Result<(), StoreError> {
        check_reason(reason)?;
        let (names, values): (Vec<&str>, Vec<&str>) = arguments
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .unzip();
        let query = sqlx::query(self.backend().statements.record_operation.sql())
            .bind(verb)
            .bind(names)
            .bind(values)
            .bind(reason)
            .bind(outcome);
        let mut connection = self.backend().acquire().await?;
        let asked = connection.ask(async |connection| query.execute(connection).await);
        asked.await.map(drop).map_err(rights::recorded)
    }
}

fn names<'a>(streams: impl Iterator<Item = &'a StreamId>) -> (Vec<&'a str>, Vec<&'a str>) {
    streams
        .map(|stream| (stream.category().as_str(), stream.id()))
        .unzip()
}

impl Snapshots for PgEventStore {
    async fn save_snapshot(&self, snapshot: Snapshot) -> Result<(), StoreError> {
        replay::save_snapshot(self.backend(), &snapshot).await
    }

    async fn replay_from_snapshot(
        &self,
        stream: &StreamId,
        fingerprint: u64,
    ) -> Result<(Option<Snapshot>, Vec<PastEvent>), StoreError> {
        replay::replay_from_snapshot(self.backend(), stream, fingerprint).await
    }
}
