//! An event type as the code writes it, with made-up events of it.

use cqrs_core::{Event, Metadata, model::NewEvent};
use cqrs_shape::Shape;
use serde_json::Value;

use super::{
    key::{Key, short_name},
    line::{Payload, short},
    making::{self, Aliases},
    optional::{Findings, examine, sparse},
    reading::{read, stored},
    reads::Reads,
};

/// An event type as the code writes it.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) key: Key,
    pub(super) hash: String,
    pub(super) reads: Reads,
    /// What would be stored of its events.
    pub(super) payloads: Vec<Payload>,
}

/// Events of one variant. `None` if the variant is another name of a type.
pub(super) fn current<E: Event>(
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
