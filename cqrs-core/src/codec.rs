//! Writes an event as a type and a JSON payload, and reads it back, without an intermediate value.
//!
//! An event is an externally tagged enum, serde's default: the tag is the event type, the content is the payload. The
//! payload has the same bytes that `serde_json` writes for the content.

mod bounded;
mod deserialize;
mod integers;
mod json;
mod lossless;
mod probe;
mod serialize;
mod sorted;

use std::fmt::Display;

use serde::{Serialize, de::DeserializeOwned};

use self::lossless::Nulls;
pub(crate) use self::{
    bounded::{MAX_TEXT, bounded},
    integers::check_integers,
    json::{to_document, to_json},
    sorted::sorted_json,
};

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
    /// The payload is not JSON, or does not fit the variant. `From` bounds the text, which may quote the payload.
    #[error(transparent)]
    Json(serde_json::Error),
    /// Newer code wrote the event: this code does not know the schema version of its payload.
    #[error(
        "schema version {schema_version} of event type `{event_type}` was written by newer code; this code knows up to {known}: \
         deploy the newer code here, too"
    )]
    NewerVersion {
        /// The stored type.
        event_type: String,
        /// The schema version of the payload.
        schema_version: u32,
        /// The newest schema version that this code knows of this type.
        known: u32,
    },
    /// An upcaster failed, or the event that it returned cannot be read.
    #[error(
        "the upcaster of event type `{event_type}` from schema version {schema_version} does not return an event that can be \
         read; correct it in `UPCASTERS`"
    )]
    Upcast {
        /// The type that the upcaster reads.
        event_type: String,
        /// The schema version that the upcaster reads.
        schema_version: u32,
        /// What went wrong.
        #[source]
        reason: Box<Self>,
    },
    /// The code of an upcaster panicked with this message.
    #[error("it panicked: {0}")]
    Panicked(String),
    /// An upcaster that splits an event returned a part of a type that it does not list.
    #[error("it returned a part of type `{0}`, which its list of types does not have")]
    UnlistedPart(String),
    /// An upcaster that works on a JSON value got an integer that such a value cannot hold exactly.
    #[error(
        "the payload has the integer {0}, which a JSON value cannot hold exactly; use `Upcaster::typed`"
    )]
    InexactInteger(String),
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

impl From<serde_json::Error> for CodecError {
    /// An error that quotes more than 2,048 bytes becomes [`Custom`](Self::Custom), with the beginning of its text.
    fn from(error: serde_json::Error) -> Self {
        let text = bounded(&error);
        if text.len() > MAX_TEXT {
            Self::Custom(text)
        } else {
            Self::Json(error)
        }
    }
}

impl serde::ser::Error for CodecError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Custom(bounded(&message))
    }
}

impl serde::de::Error for CodecError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Custom(bounded(&message))
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
    let back: E = decode(event_type, out).map_err(unreadable)?;
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

/// The content of a variant as a payload: what an upcaster returns.
///
/// # Errors
/// When it cannot be written as JSON, or `null` would replace a value in an `Option`.
pub(crate) fn to_payload<T: Serialize>(content: &T) -> Result<Vec<u8>, CodecError> {
    let (mut payload, nulls) = (Vec::with_capacity(128), Nulls::default());
    let mut serializer = serde_json::Serializer::new(&mut payload);
    content.serialize(lossless::Lossless::new(&mut serializer, &nulls))?;
    if nulls.is_none() {
        Ok(payload)
    } else {
        Err(CodecError::NullInOption)
    }
}

/// Reads an event of the enum's current shape. Stored events come from [`model::decode`](crate::model::decode), which upcasts them
/// first: no other code may call this function.
///
/// # Errors
/// When the enum has no such type, or the payload does not fit the variant.
pub(crate) fn decode<E: DeserializeOwned>(
    event_type: &str,
    payload: &[u8],
) -> Result<E, CodecError> {
    E::deserialize(deserialize::TypeAndPayload {
        event_type,
        payload,
    })
    .map_err(|error| match event_types::<E>() {
        Ok(known) if !known.contains(&event_type) => CodecError::UnknownType {
            event_type: event_type.to_owned(),
            known,
        },
        _ => error,
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
