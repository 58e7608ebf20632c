//! Events as the store holds them, and as a reader receives them.

use std::{fmt, ops::Deref, sync::Arc, time::SystemTime};

use bytes::Bytes;
use uuid::Uuid;

use crate::{Lane, Metadata, Position, StreamId, Version};

/// Names one event for ever and everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Uuid);

impl EventId {
    /// A new id. Its first bits are a time (UUID version 7), so that ids of one writer lie side by side in an index.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::now_v7())
    }

    /// The id with this number.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The number.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

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
