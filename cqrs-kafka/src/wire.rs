//! The form of a record: an event in the binary mode of the Kafka binding of CloudEvents.
//!
//! The key is the aggregate id, so the events of a stream are in one partition, in order. The value is the payload, the
//! JSON that is stored. Everything else is in headers:
//!
//! | Header | Content |
//! | --- | --- |
//! | `content-type` | `application/json` |
//! | `ce_specversion` | `1.0` |
//! | `ce_id` | the event id, the same UUID as in the store |
//! | `ce_source` | `/{prefix}/{category}` |
//! | `ce_type` | `{category}.{event type}` |
//! | `ce_subject` | the aggregate id |
//! | `ce_time` | when the event was recorded: RFC 3339 with microseconds, in UTC |
//! | `ce_position`, `ce_version` | its position in the log, and its version in the stream |
//! | `ce_schemaversion` | the schema version of its payload |
//! | `ce_lane` | `{log id}/{slices}/{category}`: which log it is of, and which part of it. Within a lane and a partition, positions rise |
//! | `ce_correlationid`, `ce_causationid` | the correlation and causation ids, if it has them |
//! | `traceparent` | the W3C trace context, as OpenTelemetry writes it |
//! | `app_{name}` | each header of the application, such as `app_user` |
//!
//! The [`Decoder`] also reads CloudEvents of other producers, which have no `ce_lane`.

mod decode;
mod encode;
mod headers;
#[cfg(test)]
mod tests;

use cqrs_core::model::InvalidName;

pub use self::{
    decode::{Decoder, Received},
    encode::encode,
};

/// The longest value of a header of an event, in bytes. Other headers are not read, and may have any length.
pub const MAX_HEADER_BYTES: usize = 65_536;

/// The most headers of a record, counted with those that are not read.
pub const MAX_HEADERS: usize = 1_000;

/// The names of the headers.
pub mod header {
    /// The media type of the value.
    pub const CONTENT_TYPE: &str = "content-type";
    /// The version of the CloudEvents specification.
    pub const SPEC_VERSION: &str = "ce_specversion";
    /// The event id.
    pub const ID: &str = "ce_id";
    /// The producer of the event.
    pub const SOURCE: &str = "ce_source";
    /// The category and type of the event.
    pub const TYPE: &str = "ce_type";
    /// The aggregate id.
    pub const SUBJECT: &str = "ce_subject";
    /// The time at which the event was recorded.
    pub const TIME: &str = "ce_time";
    /// The position in the log.
    pub const POSITION: &str = "ce_position";
    /// The version in the stream.
    pub const VERSION: &str = "ce_version";
    /// The schema version of the payload.
    pub const SCHEMA_VERSION: &str = "ce_schemaversion";
    /// The log, its slices and the category of the event: its [lane](cqrs_core::model::Lane).
    pub const LANE: &str = "ce_lane";
    /// The correlation id.
    pub const CORRELATION_ID: &str = "ce_correlationid";
    /// The id of the event that caused this one.
    pub const CAUSATION_ID: &str = "ce_causationid";
    /// The W3C trace context.
    pub const TRACEPARENT: &str = "traceparent";
    /// Before the name of each header of the application.
    pub const APPLICATION: &str = "app_";
}

/// Why a record cannot be decoded as an event, or an event cannot be encoded as a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// A required header is missing.
    #[error("header {0:?} is missing")]
    Missing(&'static str),
    /// A header occurs more than once.
    #[error("header {0:?} occurs twice")]
    Twice(&'static str),
    /// The value of a header is not valid.
    #[error("header {header:?} is {value:?}: {reason}")]
    Invalid {
        /// The header.
        header: &'static str,
        /// Its value, at most 100 characters.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The value of a header breaks a rule for names.
    #[error("header {header:?} is {value:?}, which names no stream")]
    InvalidName {
        /// The header.
        header: &'static str,
        /// Its value, at most 100 characters.
        value: String,
        /// The rule.
        source: InvalidName,
    },
    /// A CloudEvent in structured mode, which has its attributes in the value.
    #[error(
        "the record is a CloudEvent in structured mode (content-type {0:?}), but only binary mode is supported: let the \
         producer send attributes as ce_ headers"
    )]
    Structured(String),
    /// The name of a header is not UTF-8.
    #[error("the name of a header is not UTF-8")]
    HeaderName,
    /// The record of a relay has no value, or a record has neither a value nor the headers of a CloudEvent: a tombstone.
    #[error("the record is a tombstone: it has no value")]
    NoPayload,
    /// The value of a header is longer than [`MAX_HEADER_BYTES`].
    #[error("header {header:?} has {bytes} bytes, more than {limit}")]
    TooLong {
        /// The header.
        header: &'static str,
        /// The length of its value.
        bytes: usize,
        /// The longest value that is accepted.
        limit: usize,
    },
    /// The record has more than [`MAX_HEADERS`] headers.
    #[error("the record has more than {limit} headers")]
    TooManyHeaders {
        /// The most that are accepted.
        limit: usize,
    },
    /// The name of the topic is not a category, so its CloudEvents have none.
    #[error(
        "the name of the topic without its prefix is not a category, so none of its CloudEvents can be read; \
         use a topic whose name is one"
    )]
    Topic(#[from] InvalidName),
    /// The time of the event is outside of the years 0 to 9999.
    #[error("the time of the event has no form in RFC 3339")]
    Time,
}

impl WireError {
    /// Whether the record is at fault, not its topic, where no record can be decoded.
    pub(crate) const fn is_of_record(&self) -> bool {
        !matches!(self, Self::Topic(_))
    }
}
