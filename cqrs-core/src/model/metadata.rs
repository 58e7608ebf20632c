//! Correlation, causation and trace of an event, and its open headers.

use crate::model::{event_id::EventId, headers::Headers};

/// Correlation, causation and trace of an event, and its open headers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Names the conversation an event belongs to; inherited by everything it causes.
    pub correlation_id: Option<String>,
    /// The event that caused this one.
    pub causation_id: Option<EventId>,
    /// The W3C trace context in which the command was handled.
    pub traceparent: Option<String>,
    /// What the application adds: a user, a tenant, an address. Stored with the event and never interpreted. At most 32, with
    /// names of up to 64 of the characters `a-z`, `0-9`, `-`, `_` and `.`, and values of up to 1,024 bytes without NUL.
    pub headers: Headers,
}
