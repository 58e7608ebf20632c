//! The metadata of an event.

use crate::model::{event_id::EventId, headers::Headers};

/// Correlation, causation and trace context of an event, and the application's headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// The conversation that the event belongs to. Events that it causes inherit it.
    pub correlation_id: Option<String>,
    /// The event that caused this one.
    pub causation_id: Option<EventId>,
    /// The W3C trace context in which the command was handled.
    pub traceparent: Option<String>,
    /// Headers of the application, such as a user or a tenant. They are stored with the event and never interpreted. An
    /// event has at most 32. A name has 1 to 64 of the characters `a-z`, `0-9`, `-`, `_` and `.`; a value has at most
    /// 1,024 bytes and no NUL.
    pub headers: Headers,
}

impl Metadata {
    /// The metadata with these parts.
    #[must_use]
    pub const fn new(
        correlation_id: Option<String>,
        causation_id: Option<EventId>,
        traceparent: Option<String>,
        headers: Headers,
    ) -> Self {
        Self {
            correlation_id,
            causation_id,
            traceparent,
            headers,
        }
    }
}
