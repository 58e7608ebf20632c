//! Two wrong ways to read a log from PostgreSQL: the way of most frameworks, and one that looks like ours.

use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use cqrs_core::{
    EventId, Position, RecordedEvent, StoreError, StreamId, Version,
    model::{Category, Checkpoint, EventFilter},
    ports::{LogPage, LogQuery},
};
use cqrs_postgres::{PgEventStore, store_error};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::Bug;

/// Reads every visible event after the last position, and so misses events that commit later with a lower position.
#[derive(Debug)]
pub struct NaiveReader;

const NAIVE: &str = "
    select position, category, aggregate_id, version, event_id, payload::text
    from __schema__.events where position > $1 order by position limit $2";

#[async_trait]
impl Bug<PgEventStore> for NaiveReader {
    async fn read_log(
        &self,
        store: &PgEventStore,
        query: LogQuery<'_>,
    ) -> Result<LogPage, StoreError> {
        read(store, NAIVE, query).await
    }
}

/// Reads the high-water mark and the events in one statement, whose snapshot is older than the mark.
#[derive(Debug)]
pub struct OneStatementFence;

const ONE_STATEMENT: &str = "
    with mark as materialized (select mark as at from __schema__.log_head())
    select position, category, aggregate_id, version, event_id, payload::text
    from __schema__.events
    where position > $1 and position <= (select at from mark) order by position limit $2";

#[async_trait]
impl Bug<PgEventStore> for OneStatementFence {
    async fn read_log(
        &self,
        store: &PgEventStore,
        query: LogQuery<'_>,
    ) -> Result<LogPage, StoreError> {
        read(store, ONE_STATEMENT, query).await
    }
}

type Row = (i64, String, String, i64, Uuid, String);

async fn read(store: &PgEventStore, sql: &str, query: LogQuery<'_>) -> Result<LogPage, StoreError> {
    let sql = AssertSqlSafe(sql.replace("__schema__", &format!("\"{}\"", store.schema())));
    let rows = sqlx::query_as(sql)
        .bind(query.after.get().cast_signed())
        .bind(i64::try_from(query.limit).unwrap_or(i64::MAX));
    let rows: Vec<Row> = rows.fetch_all(store.pool()).await.map_err(store_error)?;
    let events: Vec<RecordedEvent> = rows.into_iter().map(event).collect::<Result<_, _>>()?;
    let upto = events
        .last()
        .map(|event| Checkpoint::after(event.position, event.id));
    let is_read = |event: &RecordedEvent| {
        let matches =
            |read: &EventFilter| read.matches(event.stream.category().as_str(), &event.event_type);
        query.slices.contains(event.stream.slice())
            && (query.reads.is_empty() || query.reads.iter().any(matches))
    };
    let events = events.into_iter().filter(is_read).collect();
    Ok(LogPage::new(events, upto))
}

fn event(
    (position, category, id, version, event_id, payload): Row,
) -> Result<RecordedEvent, StoreError> {
    Ok(RecordedEvent::new(
        EventId::from_uuid(event_id),
        StreamId::new(Category::new(category)?, id)?,
        Version::new(version.unsigned_abs()),
        Position::new(position.unsigned_abs()),
        "Checked",
        Bytes::from(payload),
        SystemTime::UNIX_EPOCH,
    ))
}
