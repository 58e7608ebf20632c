//! Reads an event as if it were stored.

use std::{error::Error, time::SystemTime};

use cqrs_core::{
    Event, EventId, Metadata, Position, RecordedEvent, StreamId, Version,
    codec::CodecError,
    model::{Category, NewEvent},
    roles::Events,
};
use uuid::Uuid;

use super::{
    key::Key,
    line::{Payload, ReadAs},
};

/// Why a stored event is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// The enum does not have the type.
    Unknown,
    /// The upcaster from this event type and schema version failed with this reason.
    Upcaster(String, u32, String),
    Other(String),
}

/// A stored event. It has the same id, stream and time in every run.
pub(super) fn stored(key: &Key, payload: &str, metadata: &Metadata) -> RecordedEvent {
    let stream = Category::new(&key.category).and_then(|category| StreamId::new(category, "a"));
    let stream = stream
        .expect("`Subject::of` has checked the category of the enum, and only its lines are read");
    RecordedEvent::new(
        EventId::from_uuid(Uuid::from_u128(1)),
        stream,
        Version::new(1),
        Position::new(1),
        key.event_type.as_str(),
        payload.to_owned(),
        SystemTime::UNIX_EPOCH,
    )
    .schema_version(key.schema_version)
    .metadata(metadata.clone())
}

/// What an enum reads a stored event as.
pub(super) fn read<E: Event>(stored: &RecordedEvent) -> Result<Vec<ReadAs>, Fault> {
    let decoded = E::decode(stored).map_err(|error| fault(&error))?;
    let encoded = decoded.into_iter().map(|event| {
        let written = NewEvent::encode(&event, Metadata::default())
            .map_err(|error| Fault::Other(cqrs_core::chain(&error).to_string()))?;
        let text = String::from_utf8_lossy(&written.payload);
        Ok(ReadAs {
            event_type: written.event_type.to_owned(),
            schema_version: written.schema_version,
            payload: Payload::new(&text).map_err(|error| Fault::Other(error.to_string()))?,
        })
    });
    encoded.collect()
}

/// Finds the error of the codec among the sources.
fn fault(error: &(dyn Error + 'static)) -> Fault {
    let mut next = Some(error);
    while let Some(error) = next {
        match error.downcast_ref::<CodecError>() {
            Some(CodecError::UnknownType { .. }) => return Fault::Unknown,
            Some(CodecError::Upcast {
                event_type,
                schema_version,
                reason,
            }) => {
                let reason = cqrs_core::chain(&**reason).to_string();
                return Fault::Upcaster(event_type.clone(), *schema_version, reason);
            }
            Some(error) => return Fault::Other(cqrs_core::chain(error).to_string()),
            None => next = error.source(),
        }
    }
    Fault::Other(error.to_string())
}
