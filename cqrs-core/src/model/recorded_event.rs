//! Events as the store holds them, and as a reader receives them.

use std::{fmt, ops::Deref, sync::Arc, time::SystemTime};

use bytes::Bytes;

use crate::model::{
    event_id::EventId,
    headers::Headers,
    lane::Lane,
    metadata::Metadata,
    number::{Position, Version},
    stream::StreamId,
};

/// An event as it was stored. Never changed afterwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// The name of the event.
    pub id: EventId,
    /// The stream that holds it.
    pub stream: StreamId,
    /// Its place in the stream, from 1.
    pub version: Version,
    /// Its place in the log of the store that recorded it. An event read from a topic keeps its producer's.
    pub position: Position,
    /// serde's name of the variant.
    pub event_type: Arc<str>,
    /// The generation of the payload's shape: 1 plus the number of upcasters known when it was written.
    pub schema_version: u32,
    /// The variant's content as JSON.
    pub payload: Bytes,
    /// Its ties.
    pub metadata: Metadata,
    /// When it was stored, by the store's clock.
    pub recorded_at: SystemTime,
    /// On an event that came over a topic: who published it. Within a lane positions rise.
    pub lane: Option<Lane>,
}

/// Says which event it is: `order-17@3 (Placed), position 42`.
impl fmt::Display for RecordedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}@{} ({}), position {}",
            self.stream, self.version, self.event_type, self.position
        )
    }
}

impl Metadata {
    /// The metadata of what `cause` brings about: it is named as the cause, its conversation and trace go on. An event
    /// outside of any conversation begins one with its own id. Headers are not inherited: they belong to one request.
    #[must_use]
    pub fn caused_by(cause: &RecordedEvent) -> Self {
        let own = || cause.id.to_string();
        Self {
            correlation_id: Some(cause.metadata.correlation_id.clone().unwrap_or_else(own)),
            causation_id: Some(cause.id),
            traceparent: cause.metadata.traceparent.clone(),
            headers: Headers::new(),
        }
    }
}

/// A typed event together with how it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope<E> {
    /// The event.
    pub event: E,
    /// How it was recorded.
    pub recorded: RecordedEvent,
}

impl<E> Envelope<E> {
    /// The id of the aggregate it happened to.
    #[must_use]
    pub fn id(&self) -> &str {
        self.recorded.stream.id()
    }
}

impl<E> Deref for Envelope<E> {
    type Target = E;

    fn deref(&self) -> &E {
        &self.event
    }
}
