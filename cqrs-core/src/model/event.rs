//! Events as users declare them, and as they are on the way into the store.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    codec::{self, CodecError},
    model::{event_id::EventId, metadata::Metadata},
};

/// The events of one category: an enum with serde's derives and one line.
///
/// The stored event type is serde's name of the variant (`#[serde(rename = "..")]` counts), the stored payload is the
/// variant's content. There is nothing else to write:
///
/// ```
/// #[derive(serde::Serialize, serde::Deserialize)]
/// enum AccountEvent {
///     Opened { owner: String },
///     Deposited { amount: u64 },
/// }
///
/// impl cqrs_core::Event for AccountEvent {
///     const CATEGORY: &'static str = "account";
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event enum",
    note = "derive serde's Serialize and Deserialize for it, then: \
            impl Event for {Self} {{ const CATEGORY: &'static str = \"..\"; }}"
)]
pub trait Event: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The category of the streams that hold these events.
    const CATEGORY: &'static str;

    /// `true`: the enum names only the types that its reader needs, and passes the others of the category over.
    /// `false`, the default: an unknown type is an error, because skipping an event of one's own is losing it.
    const PARTIAL: bool = false;
}

/// An event to be appended: encoded, with the id it will keep everywhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// Names the event in the store, on the wire and in every consumer's books.
    pub id: EventId,
    /// serde's name of the variant.
    pub event_type: &'static str,
    /// The variant's content as JSON.
    pub payload: Bytes,
    /// Its ties.
    pub metadata: Metadata,
}

impl NewEvent {
    /// Encodes `event`, and decodes it again: nothing that cannot be read is ever stored.
    ///
    /// # Errors
    /// When `event` is not an externally tagged enum, cannot be encoded, or cannot be read back (a `f64::NAN`, a field
    /// that is skipped when written but has no default when read).
    pub fn encode<E: Event>(event: &E, metadata: Metadata) -> Result<Self, CodecError> {
        let (encoded, _) = Self::encode_and_decode(event, metadata)?;
        Ok(encoded)
    }

    /// [`encode`](Self::encode), and the event as every reader will have it.
    pub(crate) fn encode_and_decode<E: Event>(
        event: &E,
        metadata: Metadata,
    ) -> Result<(Self, E), CodecError> {
        let mut payload = Vec::with_capacity(128);
        let event_type = codec::encode(event, &mut payload)?;
        let decoded = codec::decode::<E>(event_type, codec::GENERATION, &payload)
            .map_err(|error| CodecError::unreadable(event_type, &error))?;
        let encoded = Self {
            id: EventId::random(),
            event_type,
            payload: payload.into(),
            metadata,
        };
        Ok((encoded, decoded))
    }
}

/// A category, and the event types in it that a reader knows. No types: all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reads {
    /// The category to read.
    pub category: &'static str,
    /// The types to read; empty for all.
    pub types: &'static [&'static str],
}

impl Reads {
    /// Whether an event of this category and type is to be read.
    #[must_use]
    pub fn matches(&self, category: &str, event_type: &str) -> bool {
        self.category == category && (self.types.is_empty() || self.types.contains(&event_type))
    }
}
