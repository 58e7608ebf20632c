//! Events as a store returns them and as a reader receives them.

use std::{fmt, ops::Deref, sync::Arc, time::SystemTime};

use bytes::Bytes;

use crate::model::{
    checkpoint::Offset,
    decode::Stored,
    event_id::EventId,
    headers,
    lane::Lane,
    limits::inheritable,
    metadata::Metadata,
    number::{Position, Version},
    sizes::Limits,
    stream::StreamId,
    upcaster::{Recording, steps},
};

/// A stored event. It never changes.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(Debug, Default)] struct Account { cents: u64 }
/// # impl Aggregate for Account {
/// #     type Command = u64; type Event = AccountEvent; type Error = std::convert::Infallible;
/// #     fn handle(&self, cents: u64, _: &Context) -> Decision<Self> { Ok(vec![AccountEvent::Deposited { cents }]) }
/// #     fn apply(&mut self, AccountEvent::Deposited { cents }: AccountEvent) { self.cents += cents }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// # store.repository::<Account>().execute("ann", 500).await?;
/// let events = store.read_stream(&StreamId::of::<AccountEvent>("ann")?, Version::EMPTY).await?;
/// assert_eq!(events[0].to_string(), "account-ann@1 (Deposited), position 1");
/// assert_eq!(events[0].payload, r#"{"cents":500}"#);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordedEvent {
    /// The event's id.
    pub id: EventId,
    /// The stream that holds it.
    pub stream: StreamId,
    /// Its place in the stream, from 1.
    pub version: Version,
    /// Its place in the log of the store that recorded it. An event from a topic has the position in its producer's log.
    pub position: Position,
    /// serde's name of the variant.
    pub event_type: Arc<str>,
    /// The version of the payload's shape, from 1; 0 if another system's producer did not send it.
    pub schema_version: u32,
    /// The variant's content as JSON.
    pub payload: Bytes,
    /// Correlation, causation, trace context and headers.
    pub metadata: Metadata,
    /// When it was stored, by the store's clock.
    pub recorded_at: SystemTime,
    /// The publisher of an event that came from a topic. Positions rise within a lane.
    pub lane: Option<Lane>,
    /// The offset of its record, if it came from a topic.
    pub offset: Option<Offset>,
}

impl RecordedEvent {
    /// An event of this store, with schema version 1 and without metadata.
    #[must_use]
    pub fn new(
        id: EventId,
        stream: StreamId,
        version: Version,
        position: Position,
        event_type: impl Into<Arc<str>>,
        payload: impl Into<Bytes>,
        recorded_at: SystemTime,
    ) -> Self {
        Self {
            id,
            stream,
            version,
            position,
            event_type: event_type.into(),
            schema_version: steps::FIRST,
            payload: payload.into(),
            metadata: Metadata::default(),
            recorded_at,
            lane: None,
            offset: None,
        }
    }

    /// The same event with this schema version.
    #[must_use]
    pub fn schema_version(mut self, schema_version: u32) -> Self {
        self.schema_version = schema_version;
        self
    }

    /// The same event with this metadata.
    #[must_use]
    pub fn metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    pub(crate) fn stored(&self) -> Stored<'_> {
        Stored {
            event_type: &self.event_type,
            schema_version: self.schema_version,
            payload: &self.payload,
            recording: Some(Recording::new(
                self.id,
                self.stream.id(),
                self.recorded_at,
                &self.metadata,
            )),
        }
    }

    /// The same event, received over a topic from this lane.
    #[must_use]
    pub fn lane(mut self, lane: Lane) -> Self {
        self.lane = Some(lane);
        self
    }

    /// The same event, received in the record at this offset of a topic.
    #[must_use]
    pub const fn offset(mut self, offset: Offset) -> Self {
        self.offset = Some(offset);
        self
    }
}

/// Identifies the event: `order-17@3 (Placed), position 42`, and `, offset 7` if it came from a topic.
impl fmt::Display for RecordedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}@{} ({}), position {}",
            self.stream, self.version, self.event_type, self.position
        )?;
        match self.offset {
            Some(offset) => write!(f, ", offset {offset}"),
            None => Ok(()),
        }
    }
}

impl Metadata {
    /// The metadata of an event that `cause` causes: the cause's id, correlation id, trace context and headers. If the cause
    /// has no correlation id, its own id becomes the correlation id. What is beyond the default [`Limits`] is left out.
    #[must_use]
    pub fn caused_by(cause: &RecordedEvent) -> Self {
        Self::inherited(cause.id, &cause.metadata, Limits::default())
    }

    /// The metadata of an event that follows from the event with this id, within these limits.
    pub(crate) fn inherited(cause: EventId, metadata: &Self, limits: Limits) -> Self {
        let own = || inheritable(Some(&cause.to_string()), limits);
        Self {
            correlation_id: inheritable(metadata.correlation_id.as_ref(), limits).or_else(own),
            causation_id: Some(cause),
            traceparent: inheritable(metadata.traceparent.as_ref(), limits),
            headers: headers::inheritable(&metadata.headers, limits),
        }
    }
}

/// A typed event with the recorded event that it was decoded from.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// fn describe(event: &Envelope<AccountEvent>) -> String {
///     let AccountEvent::Deposited { cents } = &event.event;
///     format!("{} got {cents} cents at position {}", event.id(), event.recorded.position)
/// }
///
/// # let stream = StreamId::of::<AccountEvent>("ann")?;
/// # let (id, now) = (EventId::random(), std::time::SystemTime::now());
/// # let recorded = RecordedEvent::new(id, stream, Version::new(1), Position::new(42), "Deposited", "{}", now);
/// let event = Envelope::new(AccountEvent::Deposited { cents: 500 }, recorded);
/// assert_eq!(describe(&event), "ann got 500 cents at position 42");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Envelope<E> {
    /// The event.
    pub event: E,
    /// The recorded event, as it was stored: its type, schema version and payload may be older than the event.
    pub recorded: RecordedEvent,
    /// The number of the event among the parts that an [`Upcaster`](crate::model::Upcaster) split the recorded event into, from 0;
    /// 0 if it was not split. With the id of the recorded event it identifies the event.
    pub part: u32,
}

impl<E> Envelope<E> {
    /// A typed event with its recorded event.
    #[must_use]
    pub const fn new(event: E, recorded: RecordedEvent) -> Self {
        Self {
            event,
            recorded,
            part: 0,
        }
    }

    /// The same event, as the part with this number of the recorded event.
    #[must_use]
    pub fn part(mut self, part: u32) -> Self {
        self.part = part;
        self
    }

    /// The id of its aggregate.
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
