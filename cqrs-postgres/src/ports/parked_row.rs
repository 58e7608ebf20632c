//! A parked key by the columns of its row.

use std::time::SystemTime;

use cqrs_core::{
    EventId, Position, StoreError, StoreErrorKind, StreamId, Version,
    model::{Category, FailedEvent, FailureKind, Fingerprint, Offset, OrderingKey, PartitionId},
    ports::{ParkedKey, ParkedRequest},
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::row::unsigned;

/// The partition in the column `partition`; `None` for the log.
fn topic(partition: &str) -> Result<Option<PartitionId>, StoreError> {
    if partition.is_empty() {
        return Ok(None);
    }
    let read = || {
        let (topic, number) = partition.strip_prefix("topic ")?.rsplit_once('/')?;
        let (topic, partition) = (topic.into(), number.parse().ok()?);
        Some(PartitionId::Topic { topic, partition })
    };
    read().map(Some).ok_or_else(|| {
        let message = format!(
            "the table parked has {partition:?} as a partition, which is none: the row was changed by hand; restore it"
        );
        StoreError::new(StoreErrorKind::Undecodable, message)
    })
}

/// A key, by the columns of the event in front.
#[derive(sqlx::FromRow)]
pub(super) struct KeyColumns {
    key: String,
    is_stream: bool,
    category: String,
    aggregate_id: String,
}

impl KeyColumns {
    pub(super) fn into_key(self) -> Result<OrderingKey, StoreError> {
        Ok(match self.is_stream {
            true => OrderingKey::from(self.stream()?),
            false => OrderingKey::named(self.key)?,
        })
    }

    fn stream(&self) -> Result<StreamId, StoreError> {
        let category = Category::new(&self.category)?;
        Ok(StreamId::new(category, &self.aggregate_id)?)
    }
}

#[derive(sqlx::FromRow)]
pub(super) struct ParkedRow {
    #[sqlx(flatten)]
    key: KeyColumns,
    partition: String,
    offset: Option<i64>,
    version: i64,
    position: i64,
    event_id: Uuid,
    event_type: String,
    failure: String,
    reason: String,
    fingerprint: i64,
    attempts: i32,
    parked_at: OffsetDateTime,
    tried_at: OffsetDateTime,
    requested: Option<String>,
    requested_reason: Option<String>,
}

impl ParkedRow {
    pub(super) fn into_parked(self, subscription: &str) -> Result<ParkedKey, StoreError> {
        let event = FailedEvent::new(
            EventId::from_uuid(self.event_id),
            self.key.stream()?,
            Version::new(unsigned(self.version)),
            Position::new(unsigned(self.position)),
            self.event_type,
        );
        let event = match self.offset {
            Some(offset) => event.at(Offset::new(unsigned(offset))),
            None => event,
        };
        let request = self.requested.map(|requested| match &*requested {
            "discard" => ParkedRequest::Discard {
                reason: self.requested_reason.unwrap_or_default(),
            },
            _ => ParkedRequest::Redrive,
        });
        let attempts = u32::try_from(self.attempts).unwrap_or_default();
        let key = self.key.into_key()?;
        let failure = failure(&self.failure)?;
        let mut parked = ParkedKey::new(subscription, key, event, failure, &self.reason, attempts);
        parked.topic = topic(&self.partition)?;
        parked.fingerprint = Fingerprint::new(self.fingerprint.cast_unsigned());
        let parked_at = SystemTime::from(self.parked_at);
        let tried_at = SystemTime::from(self.tried_at);
        let parked = parked.at(parked_at, tried_at);
        Ok(parked.requested(request))
    }
}

fn failure(name: &str) -> Result<FailureKind, StoreError> {
    let mut kinds = FailureKind::ALL.into_iter();
    kinds.find(|kind| kind.name() == name).ok_or_else(|| {
        let message = format!(
            "the table parked has the failure {name:?}, which newer code wrote; deploy that code here, too"
        );
        StoreError::new(StoreErrorKind::Schema, message)
    })
}
