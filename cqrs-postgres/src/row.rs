//! Rows to events.

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use cqrs_core::{
    EventId, Metadata, Position, RecordedEvent, StoreError, StreamId, Version,
    model::{Category, Headers},
};
use sqlx::{Row, postgres::PgRow};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::statement;

/// Reads the rows of one stream, which do not have its name.
pub(crate) fn read_stream(
    stream: &StreamId,
    rows: &[PgRow],
) -> Result<Vec<RecordedEvent>, StoreError> {
    let mut types = Types::default();
    rows.iter()
        .map(|row| event(row, stream.clone(), &mut types).map_err(statement))
        .collect()
}

/// A text as it was sent: the binary form of `text` and `json` is the text itself.
pub(crate) fn bytes(row: &PgRow, column: usize) -> Result<&[u8], sqlx::Error> {
    row.try_get_raw(column)?
        .as_bytes()
        .map_err(sqlx::Error::Decode)
}

/// The payload of an event.
pub(crate) fn payload(row: &PgRow) -> Result<&[u8], sqlx::Error> {
    bytes(row, 5)
}

/// Reads the rows of many streams, each with its name at the end.
pub(crate) fn read_streams(rows: &[PgRow]) -> Result<Vec<RecordedEvent>, StoreError> {
    let (mut types, mut streams) = (Types::default(), LastStream::default());
    let read = |row| {
        let stream = streams.of(row)?;
        event(row, stream, &mut types).map_err(statement)
    };
    rows.iter().map(read).collect()
}

/// The event that a page of the log follows: the column after those of its events.
pub(crate) fn follows(row: &PgRow) -> Result<Option<EventId>, StoreError> {
    let id: Option<Uuid> = row.try_get(13).map_err(statement)?;
    Ok(id.map(EventId::from_uuid))
}

/// The columns that every statement has, in their order.
fn event(row: &PgRow, stream: StreamId, types: &mut Types) -> Result<RecordedEvent, sqlx::Error> {
    let schema_version: i32 = row.try_get(4)?;
    let causation_id: Option<Uuid> = row.try_get(7)?;
    let recorded_at: OffsetDateTime = row.try_get(9)?;
    let metadata = Metadata::new(
        row.try_get(6)?,
        causation_id.map(EventId::from_uuid),
        row.try_get(8)?,
        headers(row.try_get(10)?)?,
    );
    let event = RecordedEvent::new(
        EventId::from_uuid(row.try_get(2)?),
        stream,
        Version::new(unsigned(row.try_get(1)?)),
        Position::new(unsigned(row.try_get(0)?)),
        types.shared(bytes(row, 3)?)?,
        Bytes::copy_from_slice(payload(row)?),
        SystemTime::from(recorded_at),
    );
    let schema_version =
        u32::try_from(schema_version).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(event.schema_version(schema_version).metadata(metadata))
}

/// Headers as they are stored: an object of strings, or null.
fn headers(stored: Option<&str>) -> Result<Headers, sqlx::Error> {
    let read = |text| serde_json::from_str(text).map_err(|error| sqlx::Error::Decode(error.into()));
    stored.map_or_else(|| Ok(Headers::new()), read)
}

/// Names of event types, each allocated once: a category has few.
#[derive(Default)]
pub(crate) struct Types(Vec<Arc<str>>);

impl Types {
    pub(crate) fn shared(&mut self, name: &[u8]) -> Result<Arc<str>, sqlx::Error> {
        if let Some(known) = self.0.iter().find(|known| known.as_bytes() == name) {
            return Ok(Arc::clone(known));
        }
        let name = std::str::from_utf8(name).map_err(|error| sqlx::Error::Decode(error.into()))?;
        let name: Arc<str> = name.into();
        // The search stays short if there are more.
        if self.0.len() < 16 {
            self.0.push(Arc::clone(&name));
        }
        Ok(name)
    }
}

/// The stream of the last row. The next row often has the same category, or even the same stream.
#[derive(Default)]
struct LastStream(Option<StreamId>);

impl LastStream {
    fn of(&mut self, row: &PgRow) -> Result<StreamId, StoreError> {
        let category: &str = row.try_get(11).map_err(statement)?;
        let id: &str = row.try_get(12).map_err(statement)?;
        let category = match &self.0 {
            Some(last) if last.category().as_str() == category && last.id() == id => {
                return Ok(last.clone());
            }
            Some(last) if last.category().as_str() == category => last.category().clone(),
            _ => Category::new(category)?,
        };
        Ok(self.0.insert(StreamId::new(category, id)?).clone())
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
