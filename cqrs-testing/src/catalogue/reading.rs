//! Reads an event as if it were stored.

use std::{error::Error, fmt, marker::PhantomData, time::SystemTime};

use cqrs_core::{
    Event, EventId, Metadata, Position, RecordedEvent, StreamId, Version,
    codec::CodecError,
    model::{Category, NewEvent, Upcaster},
    roles::Events,
};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{EnumAccess, VariantAccess, Visitor},
};
use serde_json::Value;
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

/// The schema version that is written of a type.
pub(super) fn newest(upcasters: &[Upcaster], event_type: &str) -> u32 {
    let own = upcasters
        .iter()
        .filter(|step| step.event_type() == event_type);
    own.fold(1, |version, _| version + 1)
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

/// What the upcasters of an enum make of a stored event: event types with payloads, before serde reads them.
pub(super) fn upcast<E: Event>(stored: &RecordedEvent) -> Result<Vec<(String, Value)>, Fault> {
    let decoded = Unread::<E>::decode(stored).map_err(|error| fault(&error))?;
    let parts = decoded.into_iter();
    Ok(parts.map(|part| (part.event_type, part.payload)).collect())
}

/// An event that went through the upcasters of `E`.
struct Unread<E> {
    event_type: String,
    payload: Value,
    of: PhantomData<fn() -> E>,
}

impl<E: Event> Event for Unread<E> {
    const CATEGORY: &'static str = E::CATEGORY;
    const UPCASTERS: &'static [Upcaster] = E::UPCASTERS;
}

impl<E> Serialize for Unread<E> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_variant("Unread", 0, "Unread", &self.payload)
    }
}

impl<'de, E> Deserialize<'de> for Unread<E> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_enum("Unread", &[], AnyVariant(PhantomData))
    }
}

struct AnyVariant<E>(PhantomData<fn() -> E>);

impl<'de, E> Visitor<'de> for AnyVariant<E> {
    type Value = Unread<E>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any variant")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Unread<E>, A::Error> {
        let (event_type, content) = data.variant()?;
        Ok(Unread {
            event_type,
            payload: content.newtype_variant()?,
            of: self.0,
        })
    }
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
