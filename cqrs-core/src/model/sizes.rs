//! The sizes that a store accepts.

/// The sizes that a store accepts. The defaults are the same for every store, so that an event can be copied from one to another:
/// give the same limits to the stores between which you copy.
///
/// A change of the limits counts for the appends after it. What is stored stays readable, and is published.
///
/// ```
/// use cqrs_core::{MemoryEventStore, model::Limits};
///
/// // The topics of this system accept records of 5 MB.
/// let limits = Limits::default().payload_bytes(4_900_000).header_bytes(2_000);
/// assert!(limits.record_bytes() < 5_000_000);
/// let store = MemoryEventStore::default().limits(limits);
/// # drop(store);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The longest payload of an event, in bytes of JSON; 960,000 by default. With its headers such an event is below the size that
    /// Kafka accepts by default. A longer one would stop a relay.
    pub payload_bytes: usize,
    /// The longest correlation id and the longest trace context, in bytes; 1,024 by default. A relay publishes at most 65,536:
    /// more counts as that.
    pub metadata_bytes: usize,
    /// The largest number of headers of an event; 32 by default. A consumer reads at most 900: more counts as that.
    pub headers: usize,
    /// The longest value of a header, in bytes; 1,024 by default. A consumer reads at most 65,536: more counts as that.
    pub header_bytes: usize,
    /// The longest id of an aggregate, in bytes; 255 by default, and at most.
    pub id_bytes: usize,
}

impl Limits {
    /// Sets the longest payload of an event, in bytes of JSON. With a relay, the topics and the producer must accept records of
    /// [`record_bytes`](Self::record_bytes): `max.message.bytes` of the topics, `message.max.bytes` of the `KafkaConfig`.
    #[must_use]
    pub const fn payload_bytes(mut self, bytes: usize) -> Self {
        self.payload_bytes = bytes;
        self
    }

    /// Sets the longest correlation id and the longest trace context, in bytes.
    #[must_use]
    pub const fn metadata_bytes(mut self, bytes: usize) -> Self {
        self.metadata_bytes = bytes;
        self
    }

    /// Sets the largest number of headers of an event.
    #[must_use]
    pub const fn headers(mut self, count: usize) -> Self {
        self.headers = count;
        self
    }

    /// Sets the longest value of a header, in bytes.
    #[must_use]
    pub const fn header_bytes(mut self, bytes: usize) -> Self {
        self.header_bytes = bytes;
        self
    }

    /// Sets the longest id of an aggregate, in bytes.
    #[must_use]
    pub const fn id_bytes(mut self, bytes: usize) -> Self {
        self.id_bytes = bytes;
        self
    }

    /// A size, in bytes, that no record of an event within these limits exceeds.
    #[must_use]
    pub fn record_bytes(self) -> usize {
        let Self {
            headers,
            header_bytes,
            metadata_bytes,
            ..
        } = self.effective();
        let headers = headers.saturating_mul(header_bytes.saturating_add(HEADER_NAME_BYTES));
        let fields = [
            self.payload_bytes,
            headers,
            metadata_bytes,
            metadata_bytes,
            OTHER_FIELDS_BYTES,
        ];
        fields.into_iter().fold(0, usize::saturating_add)
    }

    /// What counts of these limits: no more than a relay publishes and a consumer reads.
    pub(crate) fn effective(self) -> Self {
        Self {
            payload_bytes: self.payload_bytes,
            metadata_bytes: self.metadata_bytes.min(MAX_VALUE_BYTES),
            headers: self.headers.min(MAX_HEADERS),
            header_bytes: self.header_bytes.min(MAX_VALUE_BYTES),
            id_bytes: self.id_bytes.min(MAX_ID_BYTES),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            payload_bytes: 960_000,
            metadata_bytes: 1_024,
            headers: 32,
            header_bytes: 1_024,
            id_bytes: MAX_ID_BYTES,
        }
    }
}

/// The longest value of a header that a relay publishes and a consumer reads.
const MAX_VALUE_BYTES: usize = 65_536;

/// The largest number of headers of an application with which a consumer reads a record.
const MAX_HEADERS: usize = 900;

/// The name of a header in a record, with what frames it.
const HEADER_NAME_BYTES: usize = 80;

/// The other fields of a record: its key, the headers that every event has, and what frames them.
const OTHER_FIELDS_BYTES: usize = 4_096;

/// The longest id of an aggregate, in bytes.
pub(crate) const MAX_ID_BYTES: usize = 255;
