//! Records of topics as they are, for those that cannot be handled.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    model::{Offset, PartitionId, RecordedEvent},
    ports::source::{Source, SourceError},
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
    /// Whether it was larger than [`MAX_KEPT_BYTES`], and only its beginning is here.
    pub truncated: bool,
}

impl TopicRecord {
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
            truncated,
        }
    }

    /// The same record, with whether it was larger.
    #[must_use]
    pub const fn truncated(mut self, truncated: bool) -> Self {
        self.truncated = truncated;
        self
    }
}

/// A record that a source has found, and the event that it holds if it can be decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundRecord {
    /// The record.
    pub record: TopicRecord,
    /// The event; `None` if the record is not one.
    pub event: Option<RecordedEvent>,
}

impl FoundRecord {
    /// This record, with its event.
    #[must_use]
    pub const fn new(record: TopicRecord, event: Option<RecordedEvent>) -> Self {
        Self { record, event }
    }
}

/// A source that can look at a single record of a topic.
pub trait RecordSource: Source {
    /// The first record that a reader of the partition gets at or after `from`; `None` if there is none yet. It takes no part in
    /// the assignment of partitions, and changes nothing.
    ///
    /// # Errors
    /// [`SourceError::OutOfRange`] when the partition has no such offset any more, or not yet.
    fn first_record(
        &self,
        partition: &PartitionId,
        from: Option<Offset>,
    ) -> impl Future<Output = Result<Option<FoundRecord>, SourceError>> + Send;
}
