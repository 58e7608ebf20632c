//! An event enum as the catalogue sees it: its types with made-up events of each, and how it reads a stored event.

use std::{any::type_name, collections::BTreeMap};

use cqrs_core::{
    Event, Metadata, RecordedEvent,
    model::{Category, NewEvent, Upcaster},
};
use cqrs_shape::{Kind, Shape, Step};
use serde_json::Value;

use super::{
    key::Key,
    line::{Payload, ReadAs, short},
    making::{self, Aliases},
    optional::{Findings, examine, sparse},
    reading::{Fault, read, stored},
    reads::Reads,
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
}

/// An event type as the code writes it.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) key: Key,
    pub(super) hash: String,
    pub(super) reads: Reads,
    /// What would be stored of its events.
    pub(super) payloads: Vec<Payload>,
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
        let steps = self
            .upcasters
            .iter()
            .filter(|step| step.event_type() == event_type);
        steps.fold(1, |version, _| version + 1)
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

/// Events of one variant. `None` if the variant is another name of a type.
fn current<E: Event>(
    variant: &'static str,
    content: &Shape,
    samples: &[NewEvent],
) -> Result<Option<(&'static str, Current)>, String> {
    let (samples, others): (Vec<_>, Vec<_>) = samples
        .iter()
        .partition(|sample| sample.event_type == variant);
    if samples.is_empty() && others.iter().any(|other| is_alias::<E>(variant, other)) {
        return Ok(None);
    }
    let (encoded, aliases) = if samples.is_empty() {
        let (events, aliases) = made_up::<E>(variant, content)?;
        let encode = |event: &E| NewEvent::encode(event, Metadata::default());
        let encoded = events.iter().map(encode).collect::<Result<Vec<_>, _>>();
        let error = |error| unwritable::<E>(variant, &cqrs_core::chain(&error).to_string());
        (encoded.map_err(error)?, aliases)
    } else {
        (samples.into_iter().cloned().collect(), Aliases::default())
    };
    let first = encoded
        .first()
        .ok_or_else(|| needs_a_sample::<E>(variant, "it has no value"))?;
    if first.event_type != variant {
        return Ok(None);
    }
    let key = Key::new(E::CATEGORY, first.event_type, first.schema_version);
    let metadata = Metadata::default();
    let reads = |value: &Value| read::<E>(&stored(&key, &value.to_string(), &metadata)).is_ok();
    let mut findings = Findings::default();
    let mut payloads: Vec<Payload> = Vec::new();
    for event in &encoded {
        let text = String::from_utf8_lossy(&event.payload);
        let whole = Payload::new(&text).map_err(|error| error.to_string())?;
        examine(content, &whole.value, reads, &mut findings);
        // What would be stored of an event without its optional parts.
        let less = sparse(content, &whole.value, reads).and_then(|less| {
            let mut read = read::<E>(&stored(&key, &less.to_string(), &metadata)).ok()?;
            Some(read.pop()?.payload)
        });
        for payload in std::iter::once(whole).chain(less) {
            if !payloads.contains(&payload) {
                payloads.push(payload);
            }
        }
    }
    let current = Current {
        hash: short(content.fingerprint()),
        reads: Reads::describe(content, &findings, &aliases),
        payloads,
        key,
    };
    Ok(Some((first.event_type, current)))
}

fn made_up<E: Event>(variant: &'static str, content: &Shape) -> Result<(Vec<E>, Aliases), String> {
    if let Some(opaque) = opaque(content) {
        return Err(needs_a_sample::<E>(variant, &opaque));
    }
    making::values(variant, content).map_err(|reason| {
        needs_a_sample::<E>(variant, &format!("it rejects made-up values: {reason}"))
    })
}

/// Why values of this shape cannot be made up.
fn opaque(shape: &Shape) -> Option<String> {
    let line = shape.to_string();
    let mut lines = line.lines().filter_map(|line| line.rsplit_once(": "));
    let unknown = |(place, kind): (&str, &str)| {
        let place = place.trim_start_matches('$').replace('"', "");
        let place = if place.is_empty() {
            "its content".to_owned()
        } else {
            format!("`{place}`")
        };
        match kind {
            "any" => Some(format!("serde buffers {place}, so its shape is not known")),
            "unseen" => Some(format!("nothing is known of {place}")),
            _ => None,
        }
    };
    lines.find_map(unknown)
}

/// Whether the enum reads the sample of a type by this name, too.
fn is_alias<E: Event>(variant: &str, sample: &NewEvent) -> bool {
    let own = E::UPCASTERS
        .iter()
        .filter(|step| step.event_type() == variant);
    let key = Key::new(E::CATEGORY, variant, own.fold(1, |version, _| version + 1));
    let payload = String::from_utf8_lossy(&sample.payload);
    let read = read::<E>(&stored(&key, &payload, &Metadata::default()));
    read.is_ok_and(|read| matches!(&read[..], [read] if read.event_type == sample.event_type))
}

fn unwritable<E: Event>(variant: &str, error: &str) -> String {
    if error.contains("cannot be serialized") {
        return format!(
            "`{variant}` of {} is read but never written: {error}.\n  Remove `skip_serializing` from the variant. To stop writing it, \
             remove the variant, and add `Upcaster::dropped({variant:?}, 1)` or `Upcaster::renamed(..)`.",
            E::CATEGORY
        );
    }
    needs_a_sample::<E>(variant, error)
}

fn needs_a_sample<E: Event>(variant: &str, why: &str) -> String {
    let name = short_name::<E>();
    format!(
        "no event `{variant}` of {} can be made up: {why}.\n  Give one: `.sample({name}::{variant} {{ .. }})`, with every optional \
         field, and more of them if it has an enum within.",
        E::CATEGORY
    )
}

/// The name of the enum without its modules and its generic arguments.
pub(super) fn short_name<E>() -> &'static str {
    let name = type_name::<E>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}
