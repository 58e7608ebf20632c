//! Events as users declare them, and in the form in which a store appends them.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    codec::{self, CodecError},
    model::{
        event_id::EventId,
        metadata::Metadata,
        upcaster::{Upcaster, steps},
    },
};

/// The events of one category: an enum with serde's derives and one line.
///
/// The stored event type is serde's name of the variant (with `#[serde(rename = "..")]` applied). The stored payload is
/// the variant's content.
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

    /// `true`: the enum lists only the types that its reader needs; events of other types are skipped.
    /// `false`, the default: an unknown type is an error. An aggregate reads every event of its streams in both cases: if it
    /// skipped one, its state would be wrong.
    const PARTIAL: bool = false;

    /// The other types of the category that a [`PARTIAL`](Self::PARTIAL) reader knows and does not need. They are passed over without being
    /// counted or logged, so that the counter `cqrs.subscription.passed_over` shows only types that nobody has looked at.
    const IGNORED: &'static [&'static str] = &[];

    /// How older events of these types become what the enum is now; see [`Upcaster`]. New events of a type have the
    /// schema version 1 + the number of its upcasters.
    const UPCASTERS: &'static [Upcaster] = &[];
}

/// An encoded event that is ready to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewEvent {
    /// Identifies the event in the store, in topics and in every consumer.
    pub id: EventId,
    /// serde's name of the variant.
    pub event_type: &'static str,
    /// The version of the payload's shape, from 1.
    pub schema_version: u32,
    /// The variant's content as JSON.
    pub payload: Bytes,
    /// Correlation, causation, trace context and headers.
    pub metadata: Metadata,
}

impl NewEvent {
    /// An event that is encoded already, with schema version 1. Unlike [`encode`](Self::encode) this does not prove that it can be read back.
    #[must_use]
    pub fn from_parts(
        id: EventId,
        event_type: &'static str,
        payload: impl Into<Bytes>,
        metadata: Metadata,
    ) -> Self {
        Self {
            id,
            event_type,
            schema_version: steps::FIRST,
            payload: payload.into(),
            metadata,
        }
    }

    /// The same event with this schema version.
    #[must_use]
    pub fn schema_version(mut self, schema_version: u32) -> Self {
        self.schema_version = schema_version;
        self
    }

    /// Encodes `event` and decodes it again, so that an event that cannot be read is never stored.
    ///
    /// # Errors
    /// When `event` is not an externally tagged enum, cannot be encoded, or cannot be read back (a `f64::NAN`, a field
    /// that is skipped when written but has no default when read).
    pub fn encode<E: Event>(event: &E, metadata: Metadata) -> Result<Self, CodecError> {
        let (encoded, _) = Self::encode_and_decode(event, metadata)?;
        Ok(encoded)
    }

    /// [`encode`](Self::encode), and the decoded event, as every reader will get it.
    pub(crate) fn encode_and_decode<E: Event>(
        event: &E,
        metadata: Metadata,
    ) -> Result<(Self, E), CodecError> {
        const { steps::check(E::UPCASTERS) };
        let mut payload = Vec::with_capacity(128);
        let (event_type, decoded) = codec::encode(event, &mut payload)?;
        let encoded = Self {
            id: EventId::random(),
            event_type,
            schema_version: steps::current(E::UPCASTERS, event_type),
            payload: payload.into(),
            metadata,
        };
        Ok((encoded, decoded))
    }
}

/// A filter on the log: a category and the event types in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventFilter {
    /// The category to read.
    pub category: &'static str,
    /// The types to read; empty for all.
    pub types: &'static [&'static str],
}

impl EventFilter {
    /// These types of a category; all of them if there are none.
    #[must_use]
    pub const fn new(category: &'static str, types: &'static [&'static str]) -> Self {
        Self { category, types }
    }

    /// Whether an event of this category and type is to be read.
    #[must_use]
    pub fn matches(&self, category: &str, event_type: &str) -> bool {
        self.category == category && (self.types.is_empty() || self.types.contains(&event_type))
    }
}
