//! Writes an event as a type and a JSON payload, and reads it back, without an intermediate value.
//!
//! An event is an externally tagged enum, serde's default: the tag is the event type, the content is the payload. The
//! payload has the same bytes that `serde_json` writes for the content.

mod deserialize;
mod json;
mod lossless;
mod probe;
mod serialize;
mod sorted;

use std::fmt::Display;

use serde::{Serialize, de::DeserializeOwned};

use self::lossless::Nulls;
pub(crate) use self::{json::to_json, sorted::sorted_json};

/// An event that cannot be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The type is a struct, an internally tagged or an untagged enum.
    #[error(
        "events must be an externally tagged enum (serde's default), but this type is serialized as {found}"
    )]
    NotAnEnum {
        /// The shape that serde found.
        found: &'static str,
    },
    /// The enum has no variant of this name.
    #[error("event type `{event_type}` is unknown; the known types are: {}", known.join(", "))]
    UnknownType {
        /// The stored type.
        event_type: String,
        /// The types of the enum.
        known: &'static [&'static str],
    },
    /// The event can be written but not read back, so it is not stored.
    #[error("event type `{event_type}` can be written but not read back, so it is not stored")]
    Unreadable {
        /// The type that was written.
        event_type: &'static str,
        /// Why it cannot be read back.
        #[source]
        reason: Box<Self>,
    },
    /// The payload is not JSON, or does not fit the variant.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// The payload does not fit the variant, and has another schema version than this code writes.
    #[error("the payload has schema version {schema_version}, this code writes {SCHEMA_VERSION}")]
    OtherVersion {
        /// The schema version of the payload.
        schema_version: u32,
        /// Why it does not fit.
        #[source]
        reason: Box<Self>,
    },
    /// A value in an `Option` is `null` in JSON, and would be read back as `None`.
    #[error(
        "a value in an `Option` (`None`, `()` or a float that is no number) is written as null and would be read back as \
         `None`; use an enum"
    )]
    NullInOption,
    /// The type's own implementation of serde failed with this message.
    #[error("{0}")]
    Custom(String),
}

impl CodecError {
    pub(crate) fn unreadable(event_type: &'static str, error: Self) -> Self {
        Self::Unreadable {
            event_type,
            reason: Box::new(error),
        }
    }
}

impl serde::ser::Error for CodecError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Custom(message.to_string())
    }
}

impl serde::de::Error for CodecError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Custom(message.to_string())
    }
}

/// Appends the payload of `event` to `out`. Returns the event type, and the event as every reader will get it.
///
/// # Errors
/// When `event` is not an externally tagged enum, its content cannot be written as JSON, or what was written is not read back
/// as it was.
pub(crate) fn encode<E: Serialize + DeserializeOwned>(
    event: &E,
    out: &mut Vec<u8>,
) -> Result<(&'static str, E), CodecError> {
    let (event_type, nulls) = write(event, out)?;
    let unreadable = |error| CodecError::unreadable(event_type, error);
    let back: E = decode(event_type, SCHEMA_VERSION, out).map_err(unreadable)?;
    if !nulls.is_none() && write(&back, &mut Vec::new())?.1 != nulls {
        return Err(unreadable(CodecError::NullInOption));
    }
    Ok((event_type, back))
}

fn write<E: Serialize>(event: &E, out: &mut Vec<u8>) -> Result<(&'static str, Nulls), CodecError> {
    let nulls = Nulls::default();
    let event_type = event.serialize(serialize::TypeAndPayload { out, nulls: &nulls })?;
    Ok((event_type, nulls))
}

/// The schema version of every payload that this version of the crate writes.
pub const SCHEMA_VERSION: u32 = 1;

/// Decodes an event from its type, the schema version of its payload and the payload.
///
/// All code that needs a typed event calls this function, so only one place interprets schema versions.
///
/// # Errors
/// When the enum has no such type, or the payload does not fit the variant.
pub fn decode<E: DeserializeOwned>(
    event_type: &str,
    schema_version: u32,
    payload: &[u8],
) -> Result<E, CodecError> {
    E::deserialize(deserialize::TypeAndPayload {
        event_type,
        payload,
    })
    .map_err(|error| match (event_types::<E>(), error) {
        (Ok(known), _) if !known.contains(&event_type) => CodecError::UnknownType {
            event_type: event_type.to_owned(),
            known,
        },
        (_, reason) if schema_version != SCHEMA_VERSION => CodecError::OtherVersion {
            schema_version,
            reason: Box::new(reason),
        },
        (_, error) => error,
    })
}

/// The event types that an enum can read, including aliases.
///
/// # Errors
/// When `E` is not an externally tagged enum.
pub(crate) fn event_types<E: DeserializeOwned>() -> Result<&'static [&'static str], CodecError> {
    probe::variants::<E>()
}

#[cfg(test)]
mod tests;
