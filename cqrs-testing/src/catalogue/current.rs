//! An event type as the code writes it, with generated events of it.

use std::collections::HashSet;

use cqrs_core::{Event, Metadata, model::NewEvent};
use cqrs_shape::{Shape, Step};
use serde_json::Value;

use super::{
    complete, edges,
    key::{Key, short_name},
    line::{Payload, short},
    making::{self, Aliases, Place, Series},
    optional::{Findings, examine, sparse},
    reading::{Fault, newest, read, stored},
    reads::Reads,
    walk::spots,
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
    let is_given = !samples.is_empty();
    let (mut encoded, mut aliases) = if is_given {
        (samples.into_iter().cloned().collect(), Aliases::default())
    } else {
        generated::<E>(variant, content, Series::First)?
    };
    let first = encoded
        .first()
        .ok_or_else(|| needs_a_sample::<E>(variant, "it has no value"))?;
    if first.event_type != variant {
        return Ok(None);
    }
    let (event_type, key) = (
        first.event_type,
        Key::new(E::CATEGORY, first.event_type, first.schema_version),
    );
    if is_given {
        let payloads = encoded
            .iter()
            .map(|event| serde_json::from_slice(&event.payload));
        let payloads = payloads
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| error.to_string())?;
        let reads = |value: &Value| read_again::<E>(&key, value);
        let (missing, found) = complete::missing(content, &payloads, &reads);
        if !missing.is_empty() {
            return Err(incomplete::<E>(variant, &missing));
        }
        aliases = found;
    } else if lacks_fields(content, &encoded, &aliases) {
        encoded.extend(generated::<E>(variant, content, Series::Other)?.0);
    }
    let mut examined = Examined {
        content,
        written: &|value| read_one::<E>(&key, value),
        findings: Findings::default(),
        edged: HashSet::new(),
        payloads: Vec::new(),
    };
    for event in &encoded {
        let text = String::from_utf8_lossy(&event.payload);
        examined.whole(Payload::new(&text).map_err(|error| error.to_string())?);
    }
    let Examined {
        findings, payloads, ..
    } = examined;
    let current = Current {
        hash: short(content.fingerprint()),
        reads: Reads::describe(content, &findings, &aliases),
        payloads,
        key,
    };
    Ok(Some((event_type, current)))
}

/// What was found out about a type by its events.
struct Examined<'a> {
    content: &'a Shape,
    written: &'a dyn Fn(&Value) -> Option<Payload>,
    findings: Findings,
    /// The places whose edges were found.
    edged: HashSet<Place>,
    payloads: Vec<Payload>,
}

impl Examined<'_> {
    /// Examines an event with all its optional parts.
    fn whole(&mut self, whole: Payload) {
        let Self {
            content, written, ..
        } = *self;
        let read = &|value: &Value| Some(written(value)?.value);
        let reads = |value: &Value| read(value).is_some();
        examine(content, &whole.value, reads, &mut self.findings);
        // What would be stored of an event without its optional parts.
        let less = sparse(content, &whole.value, reads).and_then(|less| read(&less));
        let edges = edges::edges(content, &whole.value, read, &mut self.edged);
        let defaults = edges::defaults(content, &whole.value, read);
        self.add(whole);
        let others = less.into_iter().chain(edges).chain(defaults);
        for other in others {
            // As it would be written, if that says the same.
            let written = (self.written)(&other).filter(|written| written.value == other);
            self.add(written.unwrap_or_else(|| Payload::of(other)));
        }
    }

    fn add(&mut self, payload: Payload) {
        if !self.payloads.contains(&payload) {
            self.payloads.push(payload);
        }
    }
}

/// What a payload is read as, if it is read as one event of this type.
fn read_one<E: Event>(key: &Key, value: &Value) -> Option<Payload> {
    let stored = stored(key, &value.to_string(), &Metadata::default());
    match read::<E>(&stored).ok()?.pop() {
        Some(read) if read.event_type == key.event_type => Some(read.payload),
        _ => None,
    }
}

/// What a payload is read as and written again, or why it is not read.
fn read_again<E: Event>(key: &Key, value: &Value) -> Result<Value, String> {
    let stored = stored(key, &value.to_string(), &Metadata::default());
    match read::<E>(&stored).as_deref() {
        Ok([read]) if read.event_type == key.event_type => Ok(read.payload.value.clone()),
        Ok(_) => Err("it is read as another event".to_owned()),
        Err(Fault::Other(reason)) => Err(reason.clone()),
        Err(fault) => Err(format!("{fault:?}")),
    }
}

/// Whether there is a field that no event has, because it is left out when it has its default.
fn lacks_fields(content: &Shape, events: &[NewEvent], aliases: &Aliases) -> bool {
    let values = events.iter();
    let values: Vec<Value> = values
        .filter_map(|event| serde_json::from_slice(&event.payload).ok())
        .collect();
    let places = values.iter().flat_map(|value| spots(content, value));
    let found: HashSet<_> = places.map(|spot| Place::from(spot.shape)).collect();
    let mut fields = Vec::new();
    field_places(content, aliases, &mut fields);
    fields.iter().any(|place| !found.contains(place))
}

fn field_places(shape: &Shape, aliases: &Aliases, found: &mut Vec<Place>) {
    for (step, part) in &shape.parts {
        if aliases.contains_key(&Place::from(part)) {
            continue;
        }
        if matches!(step, Step::Field(_)) {
            found.push(part);
        }
        field_places(part, aliases, found);
    }
}

/// Generated events, encoded as they would be stored.
fn generated<E: Event>(
    variant: &'static str,
    content: &Shape,
    series: Series,
) -> Result<(Vec<NewEvent>, Aliases), String> {
    if let Some(opaque) = opaque(content) {
        return Err(needs_a_sample::<E>(variant, &opaque));
    }
    let (events, aliases) = making::values::<E>(variant, content, series).map_err(|reason| {
        needs_a_sample::<E>(variant, &format!("it rejects generated values: {reason}"))
    })?;
    let encode = |event: &E| NewEvent::encode(event, Metadata::default());
    let encoded = events.iter().map(encode).collect::<Result<_, _>>();
    let error = |error| unwritable::<E>(variant, &cqrs_core::chain(&error).to_string());
    Ok((encoded.map_err(error)?, aliases))
}

/// Why values of this shape cannot be generated.
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
    let key = Key::new(E::CATEGORY, variant, newest(E::UPCASTERS, variant));
    let payload = String::from_utf8_lossy(&sample.payload);
    let read = read::<E>(&stored(&key, &payload, &Metadata::default()));
    read.is_ok_and(|read| matches!(&read[..], [read] if read.event_type == sample.event_type))
}

fn incomplete<E: Event>(variant: &str, missing: &[String]) -> String {
    format!(
        "the samples of `{variant}` of {} do not show {}: a change there would not be noticed.\n  Give more of them, `.sample({}::{variant} \
         {{ .. }})`, until together they have every field, every variant and an item of every list.",
        E::CATEGORY,
        missing.join(", "),
        short_name::<E>()
    )
}

fn unwritable<E: Event>(variant: &str, error: &str) -> String {
    if error.contains("cannot be serialized") {
        return format!(
            "`{variant}` of {} is read but never written: {error}.\n  Remove `skip_serializing` from the variant. To stop writing it, \
             remove the variant, and add `Upcaster::dropped({variant:?}, {})` or `Upcaster::renamed(..)`.",
            E::CATEGORY,
            newest(E::UPCASTERS, variant)
        );
    }
    needs_a_sample::<E>(variant, error)
}

fn needs_a_sample<E: Event>(variant: &str, why: &str) -> String {
    let name = short_name::<E>();
    format!(
        "no event `{variant}` of {} can be generated: {why}.\n  Give one: `.sample({name}::{variant} {{ .. }})`, with every optional \
         field, and more of them if it has an enum within.",
        E::CATEGORY
    )
}
