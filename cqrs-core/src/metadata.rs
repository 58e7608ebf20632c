//! What ties an event to its cause, its conversation and its trace.

use crate::{EventId, RecordedEvent};

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

impl Metadata {
    /// The metadata of what `cause` brings about: it is named as the cause, its conversation and trace go on. An event
    /// outside of any conversation begins one with its own id.
    #[must_use]
    pub fn caused_by(cause: &RecordedEvent) -> Self {
        let own = || cause.id.to_string();
        Self {
            correlation_id: Some(cause.metadata.correlation_id.clone().unwrap_or_else(own)),
            causation_id: Some(cause.id),
            traceparent: cause.metadata.traceparent.clone(),
        }
    }
}
