//! What subscriptions have discarded, and the operations that discarded it.

use std::time::SystemTime;

use bytes::Bytes;
use cqrs_core::{
    EventId, Position, StoreError, StoreErrorKind, StreamId, Version,
    model::{Category, Offset},
    ports::{Discarded, DiscardedEvent, Discards, TopicRecord, check_reason},
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    row::{signed, unsigned},
    store::PgEventStore,
    transaction::PgTransaction,
};

impl Discards for PgEventStore {
    async fn discard_in(
        &self,
        transaction: &mut PgTransaction,
        discarded: &Discarded,
    ) -> Result<(), StoreError> {
        check_reason(&discarded.reason)?;
        let event = discarded.event.as_ref();
        let columns = discarded.record.as_ref().map(columns).unwrap_or_default();
        let query = sqlx::query(self.backend().statements.discard.sql())
            .bind(&discarded.subscription)
            .bind(event.map(|event| event.stream.category().as_str()))
            .bind(event.map(|event| event.stream.id()))
            .bind(event.map(|event| signed(event.version.get())))
            .bind(event.map(|event| signed(event.position.get())))
            .bind(event.map(|event| event.id.as_uuid()))
            .bind(&discarded.reason)
            .bind(columns.topic)
            .bind(columns.partition)
            .bind(columns.offset)
            .bind(columns.key)
            .bind(columns.value)
            .bind(columns.header_names)
            .bind(columns.header_values)
            .bind(columns.truncated);
        transaction
            .ask(async |connection| query.execute(connection).await)
            .await?;
        Ok(())
    }

    async fn discarded(&self, subscription: &str) -> Result<Vec<Discarded>, StoreError> {
        let query = sqlx::query_as(self.backend().statements.discarded.sql()).bind(subscription);
        let rows: Vec<Row> = self
            .backend()
            .ask(async |connection| query.fetch_all(connection).await)
            .await?;
        rows.into_iter()
            .map(|row| read(subscription, row))
            .collect()
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(flatten)]
    event: EventColumns,
    #[sqlx(flatten)]
    record: RecordColumns,
    reason: String,
    discarded_at: OffsetDateTime,
}

/// The identity of an event; all or nothing is `null`.
#[derive(sqlx::FromRow)]
struct EventColumns {
    category: Option<String>,
    aggregate_id: Option<String>,
    version: Option<i64>,
    position: Option<i64>,
    event_id: Option<Uuid>,
}

/// A record. All or nothing is `null`, except for key and value.
#[derive(Default, sqlx::FromRow)]
struct RecordColumns {
    topic: Option<String>,
    partition: Option<i32>,
    offset: Option<i64>,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    header_names: Option<Vec<String>>,
    header_values: Option<Vec<Option<Vec<u8>>>>,
    truncated: Option<bool>,
}

fn columns(record: &TopicRecord) -> RecordColumns {
    let headers = record.headers.iter();
    let (names, values) = headers
        .map(|(name, value)| (name.clone(), value.as_ref().map(|value| value.to_vec())))
        .unzip();
    RecordColumns {
        topic: Some(record.topic.to_string()),
        partition: Some(record.partition),
        offset: Some(signed(record.offset.get())),
        key: record.key.as_ref().map(|key| key.to_vec()),
        value: record.value.as_ref().map(|value| value.to_vec()),
        header_names: Some(names),
        header_values: Some(values),
        truncated: Some(record.truncated),
    }
}

fn read(subscription: &str, row: Row) -> Result<Discarded, StoreError> {
    let event = row.event.into_event()?;
    let record = row.record.into_record();
    let discarded = match (event, record) {
        (event, Some(record)) => Discarded::record(subscription, record, event, row.reason),
        (Some(event), None) => Discarded::event(subscription, event, row.reason),
        (None, None) => {
            let message = "a row of the table discarded has neither an event nor a record: it was changed by hand; \
                           restore it";
            return Err(StoreError::new(StoreErrorKind::Schema, message));
        }
    };
    Ok(discarded.at(SystemTime::from(row.discarded_at)))
}

impl EventColumns {
    fn into_event(self) -> Result<Option<DiscardedEvent>, StoreError> {
        let (Some(category), Some(id), Some(version), Some(position), Some(event_id)) = (
            self.category,
            self.aggregate_id,
            self.version,
            self.position,
            self.event_id,
        ) else {
            return Ok(None);
        };
        Ok(Some(DiscardedEvent::new(
            StreamId::new(Category::new(category)?, id)?,
            Version::new(unsigned(version)),
            Position::new(unsigned(position)),
            EventId::from_uuid(event_id),
        )))
    }
}

impl RecordColumns {
    fn into_record(self) -> Option<TopicRecord> {
        let values = self.header_values?.into_iter();
        let values = values.map(|value| value.map(Bytes::from));
        let record = TopicRecord::new(
            self.topic?,
            self.partition?,
            Offset::new(unsigned(self.offset?)),
            self.key.as_deref(),
            self.value.as_deref(),
            self.header_names?.into_iter().zip(values),
        );
        Some(record.truncated(self.truncated?))
    }
}
