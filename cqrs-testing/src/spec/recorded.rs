//! Records events as a store does: encoded, and with ids, versions and positions that are the same in every run.

use std::{collections::HashMap, time::SystemTime};

use bytes::Bytes;
use cqrs_core::{
    Envelope, Event, EventId, Metadata, Position, RecordedEvent, StreamId, Version, chain,
    model::{Category, NewEvent},
    roles::Events,
};
use uuid::Uuid;

/// The id of the `number`-th event of a specification, counted from 1 over all streams.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # use cqrs_testing::{Spec, event_id};
/// # #[derive(Debug, serde::Serialize, serde::Deserialize)] enum OrderEvent { Paid }
/// # impl Event for OrderEvent { const CATEGORY: &'static str = "order"; }
/// # struct LastEvents;
/// # impl View for LastEvents {
/// #     const NAME: &'static str = "last events"; type Events = OrderEvent; type Document = String;
/// #     fn keys(&self, event: &Envelope<OrderEvent>) -> DocumentKeys { event.id().into() }
/// #     fn apply(&self, _: &str, _: Option<String>, event: &Envelope<OrderEvent>) -> Option<String> {
/// #         Some(event.recorded.id.to_string())
/// #     }
/// # }
/// Spec::view(LastEvents)
///     .given("o-1", [OrderEvent::Paid, OrderEvent::Paid])
///     .then([("o-1", event_id(2).to_string())]);
/// ```
#[must_use]
pub fn event_id(number: u64) -> EventId {
    EventId::from_uuid(Uuid::from_u128(u128::from(number)))
}

/// What the next recorded events get besides their content.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    pub(crate) at: SystemTime,
    pub(crate) metadata: Metadata,
    number: u64,
    versions: HashMap<StreamId, u64>,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            at: SystemTime::UNIX_EPOCH,
            metadata: Metadata::default(),
            number: 0,
            versions: HashMap::new(),
        }
    }
}

/// The content of an event to record.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub(crate) category: &'static str,
    pub(crate) event_type: String,
    pub(crate) schema_version: u32,
    pub(crate) payload: Bytes,
}

impl Content {
    /// The event, encoded as for a store.
    pub(crate) fn of<E: Event>(event: &E) -> Result<Self, String> {
        let new = NewEvent::encode(event, Metadata::default());
        let new = new.map_err(|error| chain(&error).to_string())?;
        Ok(Self {
            category: E::CATEGORY,
            event_type: new.event_type.to_owned(),
            schema_version: new.schema_version,
            payload: new.payload,
        })
    }

    /// An event of this type, schema version and payload, of the category of `E`.
    pub(crate) fn stored<E: Event>(event_type: &str, schema_version: u32, payload: &str) -> Self {
        Self {
            category: E::CATEGORY,
            event_type: event_type.to_owned(),
            schema_version,
            payload: Bytes::from(payload.to_owned()),
        }
    }
}

impl Recorder {
    /// Records an event on the stream of the aggregate called `id`.
    pub(crate) fn record(&mut self, id: &str, content: Content) -> Result<RecordedEvent, String> {
        let category = Category::new(content.category).map_err(|error| error.to_string())?;
        let stream = StreamId::new(category, id).map_err(|error| error.to_string())?;
        self.number += 1;
        let version = self.versions.entry(stream.clone()).or_default();
        *version += 1;
        let recorded = RecordedEvent::new(
            event_id(self.number),
            stream,
            Version::new(*version),
            Position::new(self.number),
            content.event_type,
            content.payload,
            self.at,
        );
        Ok(recorded
            .schema_version(content.schema_version)
            .metadata(self.metadata.clone()))
    }
}

/// The events that a reader gets for a recorded one.
pub(crate) fn envelopes<E: Events>(recorded: &RecordedEvent) -> Result<Vec<Envelope<E>>, String> {
    let decoded = E::decode(recorded).map_err(|error| chain(&error).to_string())?;
    let envelope = |(part, event): (u32, E)| Envelope::new(event, recorded.clone()).part(part);
    Ok(decoded.parts().map(envelope).collect())
}

/// Fails for a category that the reader does not read: such a test would pass for the wrong reason.
pub(crate) fn check_category<E: Events>(category: &str) -> Result<(), String> {
    let reads = E::reads().map_err(|error| chain(&error).to_string())?;
    if reads.iter().any(|filter| filter.category == category) {
        return Ok(());
    }
    let mut known: Vec<_> = reads.iter().map(|filter| filter.category).collect();
    known.dedup();
    Err(format!(
        "events of category `{category}` are not read; these are: {}",
        known.join(", ")
    ))
}
