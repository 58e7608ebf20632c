//! A source that can look at a single record of a topic.

use crate::{
    model::{Offset, PartitionId, RecordedEvent},
    ports::{
        records::TopicRecord,
        source::{Source, SourceError},
    },
};

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
