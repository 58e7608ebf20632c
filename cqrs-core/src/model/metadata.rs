//! What ties an event to its cause, its conversation and its trace.

use crate::model::event_id::EventId;

/// The ties of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Names the conversation an event belongs to; inherited by everything it causes.
    pub correlation_id: Option<String>,
    /// The event that caused this one.
    pub causation_id: Option<EventId>,
    /// The W3C trace context in which the command was handled.
    pub traceparent: Option<String>,
}
