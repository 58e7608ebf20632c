//! Upcasters turn the older shapes of an event into the current one when the event is read.

mod mistake;
mod step;
pub(crate) mod steps;

use std::time::SystemTime;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

pub(crate) use self::step::{Next, run};
use crate::{
    codec::{self, CodecError},
    model::{event_id::EventId, metadata::Metadata},
};

/// Turns an older shape of an event into a newer one when the event is read. An enum lists its upcasters in
/// [`Event::UPCASTERS`](crate::Event::UPCASTERS).
///
/// The first shape of an event type has schema version 1. Each upcaster leads from the schema version that it names to the next one,
/// or to other event types. New events of a type have the schema version 1 + the number of its upcasters. Stored events do not
/// change: the upcasters run whenever one is read, by an aggregate, a view, a reactor, a projection, or a consumer of a topic.
///
/// An upcaster maps the type and the payload, never the enum. So a partial reader takes over the owner's upcasters in one line:
/// `const UPCASTERS: &'static [Upcaster] = AccountEvent::UPCASTERS;`.
///
/// The list is checked when code that reads the enum is compiled: a missing upcaster, two from one schema version, one that leads to
/// a schema version that does not exist, a split that lists a type twice, and a circle are errors. An upcaster must be deterministic
/// and must not fail for an event that was stored: a panic, and a result that the enum cannot read, are errors of every reader of
/// that event. An upcaster that is in use must not change.
///
/// ```
/// # use cqrs_core::{EventId, RecordedEvent, StreamId, Version, Position, model::{Decoded, Part}, roles::Events};
/// use cqrs_core::{Event, model::Upcaster};
/// use serde::{Deserialize, Serialize};
/// use serde_json::{Value, json};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// enum AccountEvent {
///     Opened { owner: String },
///     Deposited { cents: u64, currency: String },
/// }
///
/// impl Event for AccountEvent {
///     const CATEGORY: &'static str = "account";
///     const UPCASTERS: &'static [Upcaster] = &[
///         Upcaster::typed::<DepositedV1, DepositedV2>("Deposited", 1),
///         Upcaster::json("Deposited", 2, |payload| payload["currency"] = "EUR".into()),
///         Upcaster::renamed("Created", 1, "Opened", 1),
///         Upcaster::split("Opened", 1, &[("Opened", 2), ("Deposited", 1)], opened_with_a_deposit),
///         Upcaster::dropped("Pinged", 1),
///     ];
/// }
///
/// #[derive(Deserialize)]
/// struct DepositedV1 { euros: u64 }
/// #[derive(Serialize)]
/// struct DepositedV2 { cents: u64 }
/// impl From<DepositedV1> for DepositedV2 {
///     fn from(old: DepositedV1) -> Self { Self { cents: old.euros * 100 } }
/// }
///
/// fn opened_with_a_deposit(old: &Value) -> Vec<Part> {
///     vec![
///         Part::new("Opened", json!({ "owner": old["owner"] })),
///         Part::new("Deposited", json!({ "euros": old["euros"] })),
///     ]
/// }
///
/// # let stream = StreamId::of::<AccountEvent>("ann")?;
/// # let (id, now) = (EventId::random(), std::time::SystemTime::now());
/// # let stored = |event_type: &'static str, payload: &'static str|
/// #     RecordedEvent::new(id, stream.clone(), Version::new(1), Position::new(1), event_type, payload, now);
/// // Stored long ago, with schema version 1:
/// let old = stored("Deposited", r#"{"euros":5}"#);
/// assert_eq!(
///     AccountEvent::decode(&old)?,
///     Decoded::One(AccountEvent::Deposited { cents: 500, currency: "EUR".into() }),
/// );
/// let older = stored("Created", r#"{"owner":"ann","euros":5}"#);
/// assert_eq!(AccountEvent::decode(&older)?.into_iter().count(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Upcaster {
    event_type: &'static str,
    from: u32,
    step: Step,
}

/// An event type with a schema version.
type Target = (&'static str, u32);

#[derive(Debug, Clone, Copy)]
enum Step {
    Typed(fn(&[u8]) -> Result<Vec<u8>, CodecError>),
    Json(fn(&mut Value)),
    Recorded(fn(&mut Value, &Recording<'_>)),
    Renamed(Target),
    Split(&'static [Target], fn(&Value) -> Vec<Part>),
    Dropped,
}

/// How an event was recorded, for an upcaster that needs more than the payload.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Recording<'a> {
    /// The event's id.
    pub event_id: EventId,
    /// The id of its aggregate: that of the stream, without the category.
    pub aggregate_id: &'a str,
    /// When it was stored, by the store's clock.
    pub recorded_at: SystemTime,
    /// Correlation, causation, trace context and headers.
    pub metadata: &'a Metadata,
}

impl<'a> Recording<'a> {
    /// How an event was recorded.
    #[must_use]
    pub const fn new(
        event_id: EventId,
        aggregate_id: &'a str,
        recorded_at: SystemTime,
        metadata: &'a Metadata,
    ) -> Self {
        Self {
            event_id,
            aggregate_id,
            recorded_at,
            metadata,
        }
    }
}

/// One of the events that an older event is split into.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Part {
    /// Its type: one of those that the upcaster lists.
    pub event_type: &'static str,
    /// Its content, in the schema version that the upcaster lists for the type.
    pub payload: Value,
}

impl Part {
    /// An event of this type with this content.
    #[must_use]
    pub const fn new(event_type: &'static str, payload: Value) -> Self {
        Self {
            event_type,
            payload,
        }
    }
}

impl Upcaster {
    /// The event type whose older shape it reads.
    #[must_use]
    pub const fn event_type(&self) -> &'static str {
        self.event_type
    }

    /// The schema version that it reads.
    #[must_use]
    pub const fn schema_version(&self) -> u32 {
        self.from
    }

    /// The payload of schema version `from` is an `Old`, that of the next one a `New`.
    #[must_use]
    pub const fn typed<Old, New>(event_type: &'static str, from: u32) -> Self
    where
        Old: DeserializeOwned,
        New: From<Old> + Serialize,
    {
        Self::new(event_type, from, Step::Typed(typed::<Old, New>))
    }

    /// Changes the payload of schema version `from`, as a JSON value, into that of the next one.
    ///
    /// A JSON value holds integers of 64 bits. An event with a larger one is an error: use [`typed`](Self::typed) for it.
    #[must_use]
    pub const fn json(event_type: &'static str, from: u32, change: fn(&mut Value)) -> Self {
        Self::new(event_type, from, Step::Json(change))
    }

    /// Like [`json`](Self::json), for a change that needs to know when the event was recorded, in which stream, or its metadata.
    ///
    /// An aggregate with such an upcaster reads whole events instead of what a replay needs. That is slower, for all its events.
    #[must_use]
    pub const fn recorded(
        event_type: &'static str,
        from: u32,
        change: fn(&mut Value, &Recording<'_>),
    ) -> Self {
        Self::new(event_type, from, Step::Recorded(change))
    }

    /// Schema version `from` is schema version `version` of the type `to`. Several types may become one.
    #[must_use]
    pub const fn renamed(
        event_type: &'static str,
        from: u32,
        to: &'static str,
        version: u32,
    ) -> Self {
        Self::new(event_type, from, Step::Renamed((to, version)))
    }

    /// Schema version `from` becomes the events that `split` returns, in their order: several, one or none. `into` lists each of
    /// their types once, with the schema version that `split` makes of it.
    ///
    /// Readers get the parts with the same [`recorded`](crate::Envelope::recorded) event and different
    /// [`part`](crate::Envelope::part)s.
    #[must_use]
    pub const fn split(
        event_type: &'static str,
        from: u32,
        into: &'static [(&'static str, u32)],
        split: fn(&Value) -> Vec<Part>,
    ) -> Self {
        Self::new(event_type, from, Step::Split(into, split))
    }

    /// Schema version `from` has no meaning any more: readers pass it over.
    #[must_use]
    pub const fn dropped(event_type: &'static str, from: u32) -> Self {
        Self::new(event_type, from, Step::Dropped)
    }

    const fn new(event_type: &'static str, from: u32, step: Step) -> Self {
        Self {
            event_type,
            from,
            step,
        }
    }
}

fn typed<Old, New>(payload: &[u8]) -> Result<Vec<u8>, CodecError>
where
    Old: DeserializeOwned,
    New: From<Old> + Serialize,
{
    let old: Old = serde_json::from_slice(payload)?;
    codec::to_payload(&New::from(old))
}

#[cfg(test)]
mod tests;
