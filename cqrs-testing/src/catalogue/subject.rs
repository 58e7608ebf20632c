//! An event enum as the catalogue sees it: its types, and how it reads a stored event.

use std::collections::BTreeMap;

use cqrs_core::{
    Event, Metadata, RecordedEvent,
    model::{Category, NewEvent, Upcaster},
};
use cqrs_shape::{Kind, Shape, Step};
use serde_json::Value;

use super::{
    current::{Current, current},
    key::{Key, short_name},
    line::{Payload, ReadAs},
    reading::{Fault, newest, read, stored, upcast},
};

/// An event enum.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) category: &'static str,
    /// The name of the enum in Rust.
    pub(super) name: &'static str,
    pub(super) upcasters: &'static [Upcaster],
    /// By event type, in the order of their names.
    pub(super) types: BTreeMap<&'static str, Current>,
    /// The event types that it can read, including aliases, each with its shape.
    shape: Shape,
    read: fn(&RecordedEvent) -> Result<Vec<ReadAs>, Fault>,
    upcast: fn(&RecordedEvent) -> Result<Vec<(String, Value)>, Fault>,
}

impl Subject {
    /// Makes events of each type, or takes the samples of it.
    ///
    /// # Errors
    /// Each type of which no event can be made, and what to do.
    pub(super) fn of<E: Event>(samples: &[NewEvent]) -> Result<Self, Vec<String>> {
        if let Err(error) = Category::new(E::CATEGORY) {
            return Err(vec![format!(
                "the category of `{}` is not valid: {}.\n  Correct its `CATEGORY`.",
                short_name::<E>(),
                cqrs_core::chain(&error)
            )]);
        }
        let shape = cqrs_shape::shape::<E>();
        if shape.kind != Kind::Enum {
            return Err(vec![format!(
                "`{}` is no event enum: events are an externally tagged enum, serde's default.",
                short_name::<E>()
            )]);
        }
        let mut types = BTreeMap::new();
        let mut errors = Vec::new();
        for (step, content) in &shape.parts {
            let Step::Variant(variant) = *step else {
                continue;
            };
            match current::<E>(variant, content, samples) {
                Ok(Some((event_type, current))) => {
                    types.insert(event_type, current);
                }
                Ok(None) => {}
                Err(error) => errors.push(error),
            }
        }
        let subject = Self {
            category: E::CATEGORY,
            name: short_name::<E>(),
            upcasters: E::UPCASTERS,
            types,
            shape,
            read: read::<E>,
            upcast: upcast::<E>,
        };
        if errors.is_empty() {
            Ok(subject)
        } else {
            Err(errors)
        }
    }

    /// What a stored event of this category is read as.
    pub(super) fn read(
        &self,
        key: &Key,
        payload: &Payload,
        metadata: &Metadata,
    ) -> Result<Vec<ReadAs>, Fault> {
        (self.read)(&stored(key, &payload.text, metadata))
    }

    /// What the upcasters make of a stored event, before serde reads it: event types with payloads.
    pub(super) fn upcast(
        &self,
        key: &Key,
        payload: &Payload,
        metadata: &Metadata,
    ) -> Result<Vec<(String, Value)>, Fault> {
        (self.upcast)(&stored(key, &payload.text, metadata))
    }

    /// Whether an upcaster reads this event.
    pub(super) fn has_step(&self, key: &Key) -> bool {
        self.upcasters.iter().any(|step| {
            step.event_type() == key.event_type && step.schema_version() == key.schema_version
        })
    }

    /// Whether the code has this name only as an alias of a type.
    pub(super) fn is_alias(&self, event_type: &str) -> bool {
        !self.types.contains_key(event_type) && self.content(event_type).is_some()
    }

    /// What a payload of one event is read as, or why it is not.
    pub(super) fn read_value(
        &self,
        key: &Key,
        value: &Value,
        metadata: &Metadata,
    ) -> Result<Value, String> {
        match (self.read)(&stored(key, &value.to_string(), metadata)).as_deref() {
            Ok([read]) => Ok(read.payload.value.clone()),
            Ok(_) => Err("it is not read as one event".to_owned()),
            Err(Fault::Other(reason)) => Err(reason.clone()),
            Err(fault) => Err(format!("{fault:?}")),
        }
    }

    /// The newest schema version of a type.
    pub(super) fn newest(&self, event_type: &str) -> u32 {
        newest(self.upcasters, event_type)
    }

    /// Whether the code knows the type, also as an older one.
    pub(super) fn knows(&self, event_type: &str) -> bool {
        let is_older = |step: &Upcaster| step.event_type() == event_type;
        self.content(event_type).is_some() || self.upcasters.iter().any(is_older)
    }

    /// The shape of a type that the enum has.
    pub(super) fn content(&self, event_type: &str) -> Option<&Shape> {
        let parts = &mut self.shape.parts.iter();
        let found =
            parts.find(|(step, _)| matches!(step, Step::Variant(name) if *name == event_type));
        found.map(|(_, content)| content)
    }
}
