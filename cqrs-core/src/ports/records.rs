//! Records of topics as they are: those that cannot be handled, and those that wait behind one.

use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use uuid::Uuid;

use crate::model::{
    Category, EventId, FailedEvent, Offset, PartitionId, Position, RecordedEvent, StreamId, Version,
};

/// The most bytes that are kept of a record's key, of its value, and of its headers together.
pub const MAX_KEPT_BYTES: usize = 1 << 20;

/// A record of a topic: what it consists of, as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopicRecord {
    /// The topic.
    pub topic: Arc<str>,
    /// The number of the partition.
    pub partition: i32,
    /// Its place in the partition.
    pub offset: Offset,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value; a tombstone has none.
    pub value: Option<Bytes>,
    /// Its headers in their order, with names that may repeat.
    pub headers: Vec<(String, Option<Bytes>)>,
    /// Its timestamp, where that is known.
    pub timestamp: Option<SystemTime>,
    /// Whether the broker has set the timestamp when it appended the record, and not its producer. Kept of records that wait, not of
    /// discarded ones.
    pub append_time: bool,
    /// Whether it was larger than [`MAX_KEPT_BYTES`], and only its beginning is here.
    pub truncated: bool,
}

impl TopicRecord {
    /// The record with these parts, as they are.
    #[must_use]
    pub fn whole(
        topic: impl Into<Arc<str>>,
        partition: i32,
        offset: Offset,
        key: Option<Bytes>,
        value: Option<Bytes>,
        headers: Vec<(String, Option<Bytes>)>,
    ) -> Self {
        Self {
            topic: topic.into(),
            partition,
            offset,
            key,
            value,
            headers,
            timestamp: None,
            append_time: false,
            truncated: false,
        }
    }

    /// The record with these parts; at most [`MAX_KEPT_BYTES`] are kept of the key, of the value, and of the headers together.
    #[must_use]
    pub fn new(
        topic: impl Into<Arc<str>>,
        partition: i32,
        offset: Offset,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: impl IntoIterator<Item = (String, Option<Bytes>)>,
    ) -> Self {
        let mut truncated = false;
        let mut kept = |part: &[u8]| {
            truncated |= part.len() > MAX_KEPT_BYTES;
            Bytes::copy_from_slice(&part[..part.len().min(MAX_KEPT_BYTES)])
        };
        let (key, value) = (key.map(&mut kept), value.map(&mut kept));
        let mut room = MAX_KEPT_BYTES;
        // A header without any bytes counts too: a record can have millions of them.
        let size = |name: &str, bytes: &Option<Bytes>| {
            name.len() + bytes.as_ref().map_or(0, Bytes::len) + 16
        };
        let mut kept_headers = Vec::new();
        for (name, bytes) in headers {
            let Some(left) = room.checked_sub(size(&name, &bytes)) else {
                truncated = true;
                break;
            };
            room = left;
            kept_headers.push((name, bytes));
        }
        Self {
            topic: topic.into(),
            partition,
            offset,
            key,
            value,
            headers: kept_headers,
            timestamp: None,
            append_time: false,
            truncated,
        }
    }

    /// The same record with this timestamp.
    #[must_use]
    pub const fn timestamp(mut self, timestamp: Option<SystemTime>) -> Self {
        self.timestamp = timestamp;
        self
    }

    /// The same record, with whether its timestamp is that of the broker.
    #[must_use]
    pub const fn append_time(mut self, append_time: bool) -> Self {
        self.append_time = append_time;
        self
    }

    /// The same record with at most [`MAX_KEPT_BYTES`] of its key, of its value, and of its headers together.
    #[must_use]
    pub fn shortened(&self) -> Self {
        let (key, value) = (self.key.as_deref(), self.value.as_deref());
        let (topic, headers) = (Arc::clone(&self.topic), self.headers.clone());
        let short = Self::new(topic, self.partition, self.offset, key, value, headers);
        let truncated = self.truncated || short.truncated;
        short.timestamp(self.timestamp).truncated(truncated)
    }

    /// Stands for the event of a record that is none: its stream is `record-{partition}/{offset}`, its type
    /// [`NOT_AN_EVENT`](Self::NOT_AN_EVENT), its position the offset, and its id a hash of the record's place.
    #[must_use]
    pub fn not_an_event(&self) -> FailedEvent {
        let place = format!("{}/{}/{}", self.topic, self.partition, self.offset);
        let id = EventId::from_uuid(Uuid::new_v5(&Uuid::NAMESPACE_URL, place.as_bytes()));
        let category = Category::new("record").expect("it is a category");
        let id_in_topic = format!("{}/{}", self.partition, self.offset);
        let stream = StreamId::new(category, id_in_topic).expect("two numbers are a valid id");
        let position = Position::new(self.offset.get());
        let event = FailedEvent::new(id, stream, Version::EMPTY, position, Self::NOT_AN_EVENT);
        event.at(self.offset)
    }

    /// The type that stands for a record which is not an event.
    pub const NOT_AN_EVENT: &'static str = "not an event";

    /// The partition of its topic.
    #[must_use]
    pub fn partition_id(&self) -> PartitionId {
        PartitionId::Topic {
            topic: Arc::clone(&self.topic),
            partition: self.partition,
        }
    }

    /// The same record, with whether it was larger.
    #[must_use]
    pub const fn truncated(mut self, truncated: bool) -> Self {
        self.truncated = truncated;
        self
    }
}

/// A record of a topic that is not an event, and the stream that it belongs to as far as that can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnreadableRecord {
    /// The record, whole.
    pub record: TopicRecord,
    /// The stream of its subject or its key. `None`: it has neither, and nothing is in order with it.
    pub stream: Option<StreamId>,
}

impl UnreadableRecord {
    /// This record, of this stream.
    #[must_use]
    pub const fn new(record: TopicRecord, stream: Option<StreamId>) -> Self {
        Self { record, stream }
    }

    /// Stands for the event that the record is not: as [`TopicRecord::not_an_event`], of the record's stream if it has one, with the
    /// record's value and timestamp.
    #[must_use]
    pub fn stand_in(&self) -> RecordedEvent {
        let none = self.record.not_an_event();
        RecordedEvent::new(
            none.id,
            self.stream.clone().unwrap_or(none.stream),
            none.version,
            none.position,
            none.event_type,
            self.record.value.clone().unwrap_or_default(),
            self.record.timestamp.unwrap_or(UNIX_EPOCH),
        )
        .offset(self.record.offset)
    }
}
