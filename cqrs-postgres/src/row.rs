//! Rows to events.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use cqrs_core::{
    Category, EventId, InvalidName, Metadata, Position, RecordedEvent, StoreError, StreamId,
    Version,
};
use sqlx::{Row, postgres::PgRow};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::statement;

/// Reads rows with the columns of an event. Neighbours mostly share category and type, which are kept once then.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    category: Option<Category>,
    event_type: Option<Arc<str>>,
}

impl Rows {
    /// Reads a page of rows.
    pub(crate) fn read_all(rows: &[PgRow]) -> Result<Vec<RecordedEvent>, StoreError> {
        let mut reader = Self::default();
        rows.iter().map(|row| reader.read(row)).collect()
    }

    fn read(&mut self, row: &PgRow) -> Result<RecordedEvent, StoreError> {
        let raw = Raw::of(row).map_err(statement)?;
        Ok(RecordedEvent {
            id: EventId::from_uuid(raw.event_id),
            stream: StreamId::new(self.category(raw.category)?, raw.aggregate_id)?,
            version: Version::new(unsigned(raw.version)),
            position: Position::new(unsigned(raw.position)),
            event_type: self.event_type(raw.event_type),
            schema_version: u32::try_from(raw.schema_version).unwrap_or(1),
            payload: Bytes::copy_from_slice(raw.payload),
            metadata: Metadata {
                correlation_id: raw.correlation_id,
                causation_id: raw.causation_id.map(EventId::from_uuid),
                traceparent: raw.traceparent,
            },
            recorded_at: SystemTime::from(raw.recorded_at),
            lane: None,
        })
    }

    fn category(&mut self, name: &str) -> Result<Category, InvalidName> {
        match &self.category {
            Some(last) if last.as_str() == name => Ok(last.clone()),
            _ => Ok(self.category.insert(Category::new(name)?).clone()),
        }
    }

    fn event_type(&mut self, name: &str) -> Arc<str> {
        match &self.event_type {
            Some(last) if **last == *name => Arc::clone(last),
            _ => Arc::clone(self.event_type.insert(name.into())),
        }
    }
}

/// The columns, in the order of the statements.
struct Raw<'r> {
    position: i64,
    category: &'r str,
    aggregate_id: &'r str,
    version: i64,
    event_id: Uuid,
    event_type: &'r str,
    schema_version: i32,
    payload: &'r [u8],
    correlation_id: Option<String>,
    causation_id: Option<Uuid>,
    traceparent: Option<String>,
    recorded_at: OffsetDateTime,
}

impl<'r> Raw<'r> {
    fn of(row: &'r PgRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            position: row.try_get(0)?,
            category: row.try_get(1)?,
            aggregate_id: row.try_get(2)?,
            version: row.try_get(3)?,
            event_id: row.try_get(4)?,
            event_type: row.try_get(5)?,
            schema_version: row.try_get(6)?,
            // The binary form of `json` is its text: no parsing on the way.
            payload: row
                .try_get_raw(7)?
                .as_bytes()
                .map_err(sqlx::Error::Decode)?,
            correlation_id: row.try_get(8)?,
            causation_id: row.try_get(9)?,
            traceparent: row.try_get(10)?,
            recorded_at: row.try_get(11)?,
        })
    }
}

/// Numbers that the schema keeps at 0 or more.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

/// Numbers on the way into the database. None of ours ever comes near the limit.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
