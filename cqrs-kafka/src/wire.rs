//! What is in a record: an event in the binary mode of CloudEvents' Kafka binding.
//!
//! The key is the aggregate id, so that a stream stays in order in one partition; the value is the payload, JSON as it
//! is stored; the rest is in headers:
//!
//! | Header | Holds |
//! | --- | --- |
//! | `content-type` | `application/json` |
//! | `ce_specversion` | `1.0` |
//! | `ce_id` | the event id, a UUID that is the same everywhere |
//! | `ce_source` | `/{prefix}/{category}` |
//! | `ce_type` | `{category}.{event type}` |
//! | `ce_subject` | the aggregate id |
//! | `ce_time` | when it was recorded, RFC 3339 with microseconds, in UTC |
//! | `ce_position`, `ce_version`, `ce_schemaversion` | its place in the log and in its stream, the generation of its shape |
//! | `ce_lane` | the shard of the relay that published it; within a lane positions rise |
//! | `ce_correlationid`, `ce_causationid` | its ties, if it has them |
//! | `traceparent` | the W3C trace context, as OpenTelemetry writes it |
//!
//! A CloudEvent of somebody else, without `ce_position` and its kin, is read too: see [`Decoder`].

mod decode;
mod encode;
mod headers;
#[cfg(test)]
mod tests;

pub use self::{
    decode::{Decoder, Received},
    encode::encode,
};

/// Names of headers.
pub mod header {
    /// The media type of the value.
    pub const CONTENT_TYPE: &str = "content-type";
    /// The version of CloudEvents.
    pub const SPEC_VERSION: &str = "ce_specversion";
    /// The event id.
    pub const ID: &str = "ce_id";
    /// Who sent it.
    pub const SOURCE: &str = "ce_source";
    /// The category and type of the event.
    pub const TYPE: &str = "ce_type";
    /// The aggregate id.
    pub const SUBJECT: &str = "ce_subject";
    /// When it was recorded.
    pub const TIME: &str = "ce_time";
    /// Its place in the log.
    pub const POSITION: &str = "ce_position";
    /// Its place in the stream.
    pub const VERSION: &str = "ce_version";
    /// The generation of its shape.
    pub const SCHEMA_VERSION: &str = "ce_schemaversion";
    /// The shard of the relay.
    pub const LANE: &str = "ce_lane";
    /// The conversation it belongs to.
    pub const CORRELATION_ID: &str = "ce_correlationid";
    /// The event that caused it.
    pub const CAUSATION_ID: &str = "ce_causationid";
    /// The W3C trace context.
    pub const TRACEPARENT: &str = "traceparent";
}

/// Why a record is not an event, or an event not a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// A header that must be there is not.
    #[error("header {0:?} is missing")]
    Missing(&'static str),
    /// A header that comes once came again.
    #[error("header {0:?} comes twice")]
    Twice(&'static str),
    /// A header does not hold what it should.
    #[error("header {header:?} is {value:?}, {reason}")]
    Invalid {
        /// The header.
        header: &'static str,
        /// Its value, shortened.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A CloudEvent in structured mode: everything is in the value.
    #[error(
        "it is a CloudEvent in structured mode (content-type {0:?}), only binary mode is read: let the producer send \
         attributes as ce_ headers"
    )]
    Structured(String),
    /// A header's name is not text.
    #[error("the name of a header is not UTF-8")]
    HeaderName,
    /// There is no value, as in a tombstone.
    #[error("it has no value; an event without content has the value null")]
    NoPayload,
    /// A time outside of the years 1970 to 9999.
    #[error("its time cannot be written in RFC 3339")]
    Time,
}
