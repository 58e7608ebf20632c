//! Values that a recorded kind holds and a narrower one does not: they are sent through the upcasters, aliases and new names of an event.
//! A generated value is too small to show that a type became narrower there.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    super::{
        changes::joined,
        compare::integer,
        key::Key,
        line::{Line, Payload, ReadAs},
        messages,
        reads::Reads,
        walk::{Segment, get, replace},
    },
    Judge, Refusal,
};

/// A place in a payload that a shape knows, with what is read there.
struct Leaf {
    path: Vec<Segment>,
    kind: String,
}

/// The last value that a narrower kind holds, and the next one, which it does not.
struct Limit {
    last: String,
    next: String,
}

impl Judge<'_> {
    /// The places whose values are no longer all read, or read as something else, although they were of a wider kind.
    pub(super) fn narrowed(
        &self,
        line: &Line,
        payload: &Payload,
        kinds: &Reads,
        now: &[ReadAs],
        seen: &mut BTreeSet<String>,
    ) -> Vec<Refusal> {
        let key = &line.key;
        let mut leaves = Vec::new();
        leaves_of(kinds, &payload.value, &mut Vec::new(), &mut leaves);
        let mut problems = Vec::new();
        for leaf in leaves {
            let place = joined(&leaf.path);
            if !seen.insert(format!("{key} {} {place}", line.shape)) {
                continue;
            }
            let limits = limits(&leaf.kind);
            let mut limits = limits.iter();
            if let Some(limit) = limits.find(|limit| self.is_limit(key, payload, &leaf, limit, now))
            {
                let message = messages::narrowed_after(key, &place, &leaf.kind, &limit.next, now);
                problems.push(Refusal::new(format!("{key} {place} narrow"), message));
            }
        }
        problems
    }

    /// Whether the code reads the last value and not the next one, and not because of a rule of the type that it had before.
    fn is_limit(
        &self,
        key: &Key,
        payload: &Payload,
        leaf: &Leaf,
        limit: &Limit,
        now: &[ReadAs],
    ) -> bool {
        let read = |text: &str| {
            let payload = with(&payload.value, &leaf.path, text)?;
            Some(self.subject.read(key, &payload, self.metadata))
        };
        let Some(Ok(last)) = read(&limit.last) else {
            return false;
        };
        let is_rule = || {
            now.iter()
                .any(|now| self.has_rule(&key.category, now, &leaf.kind, limit))
        };
        match read(&limit.next) {
            Some(Ok(next)) => loses(&last, &next, limit),
            Some(Err(_)) => !is_rule(),
            None => false,
        }
    }

    /// Whether the event itself reads the last value and not the next one, at a place of a kind that could hold both.
    fn has_rule(&self, category: &str, now: &ReadAs, kind: &str, limit: &Limit) -> bool {
        let key = now.key(category);
        let Some(current) = self.subject.types.get(now.event_type.as_str()) else {
            return false;
        };
        let value = &now.payload.value;
        let mut leaves = Vec::new();
        leaves_of(&current.reads, value, &mut Vec::new(), &mut leaves);
        let holds = |own: &str| own == kind || limits(own).iter().any(|own| own.next == limit.next);
        let reads = |leaf: &Leaf, text: &str| {
            let payload = with(value, &leaf.path, text);
            payload.is_some_and(|payload| self.subject.read(&key, &payload, self.metadata).is_ok())
        };
        let mut wide = leaves.iter().filter(|leaf| holds(&leaf.kind));
        wide.any(|leaf| reads(leaf, &limit.last) && !reads(leaf, &limit.next))
    }
}

/// Whether a number that was kept up to the limit is another one behind it.
fn loses(small: &[ReadAs], large: &[ReadAs], limit: &Limit) -> bool {
    let (Some(last), Some(next)) = (Number::parse(&limit.last), Number::parse(&limit.next)) else {
        return false;
    };
    small.iter().zip(large).any(|(small, large)| {
        let places = places_of(&small.payload.value, last);
        let values = places
            .iter()
            .filter_map(|path| get(&large.payload.value, path));
        // The last one again is the answer of an upcaster that keeps to a limit.
        let mut lost = values.filter(|it| !next.is(it) && (it.is_f64() || !last.is(it)));
        lost.next().is_some()
    })
}

/// Where a number is.
fn places_of(value: &Value, number: Number) -> Vec<Vec<Segment>> {
    let parts: Vec<_> = match value {
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(at, part)| (Segment::Index(at), part))
            .collect(),
        Value::Object(entries) => entries
            .iter()
            .map(|(name, part)| (Segment::Name(name.clone()), part))
            .collect(),
        value if number.is(value) => return vec![Vec::new()],
        _ => return Vec::new(),
    };
    let mut places = Vec::new();
    for (segment, part) in parts {
        for mut path in places_of(part, number) {
            path.insert(0, segment.clone());
            places.push(path);
        }
    }
    places
}

/// An integer, as JSON may have it.
#[derive(Debug, Clone, Copy)]
struct Number(i128);

impl Number {
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "compared in both directions"
    )]
    fn is(self, value: &Value) -> bool {
        let Self(number) = self;
        match (value.as_i64(), value.as_u64(), value.as_f64()) {
            (Some(own), _, _) => i128::from(own) == number,
            (_, Some(own), _) => i128::from(own) == number,
            (_, _, Some(own)) => own as i128 == number && number as f64 == own,
            _ => false,
        }
    }
}

/// The limits of the kinds that are narrower than this one.
fn limits(kind: &str) -> Vec<Limit> {
    let limit = |last: String, next: String| Limit { last, next };
    match kind {
        "string" => vec![limit("\"a\"".to_owned(), "\"ab\"".to_owned())],
        "f64" => vec![limit("1.0".to_owned(), "1e300".to_owned())],
        _ => {
            let Some((signed, bits)) = integer(kind) else {
                return Vec::new();
            };
            let highest = if signed { bits - 1 } else { bits };
            let mut limits = Vec::new();
            if signed {
                limits.push(limit("0".to_owned(), "-1".to_owned()));
            }
            for width in [7, 8, 15, 16, 31, 32, 63, 64] {
                let power = 1_i128 << width;
                if width < highest {
                    limits.push(limit((power - 1).to_string(), power.to_string()));
                    if signed {
                        limits.push(limit((-power).to_string(), (-power - 1).to_string()));
                    }
                }
            }
            if highest > 53 {
                // `f64` has no larger one that is exact.
                let power = 1_i128 << 53;
                limits.push(limit(power.to_string(), (power + 1).to_string()));
            }
            limits
        }
    }
}

/// The payload with another value at a place. A number may be larger than a `Value` holds.
fn with(value: &Value, path: &[Segment], text: &str) -> Option<Payload> {
    const MARK: &str = "(the value at the limit)";
    let mut value = value.clone();
    if !replace(&mut value, path, MARK.into()) {
        return None;
    }
    let text = value.to_string().replace(&format!("{MARK:?}"), text);
    Payload::new(&text).ok()
}

/// The leaves of a payload. Of a list the first item stands for all.
fn leaves_of(reads: &Reads, value: &Value, path: &mut Vec<Segment>, leaves: &mut Vec<Leaf>) {
    let mut inside = |segment: Segment, reads: &Reads, value: &Value| {
        path.push(segment);
        leaves_of(reads, value, path, leaves);
        path.pop();
    };
    match (reads, value) {
        (Reads::Option(_), Value::Null) => {}
        (Reads::Option(content), value) => leaves_of(content, value, path, leaves),
        (Reads::Leaf(kind), _) => leaves.push(Leaf {
            path: path.clone(),
            kind: kind.clone(),
        }),
        (Reads::Seq(item), Value::Array(items)) => {
            if let Some(first) = items.first() {
                inside(Segment::Index(0), item, first);
            }
        }
        (Reads::Tuple(parts), Value::Array(items)) => {
            let parts = parts.iter().zip(items).enumerate();
            parts.for_each(|(at, (part, value))| inside(Segment::Index(at), part, value));
        }
        (Reads::Map(part), Value::Object(entries)) => {
            if let Some((name, value)) = entries.iter().next() {
                inside(Segment::Name(name.clone()), part, value);
            }
        }
        (Reads::Entries(entry), Value::Object(entries)) => {
            if let Some((name, value)) = entries.iter().next() {
                inside(Segment::Name(name.clone()), &entry.1, value);
            }
        }
        (Reads::Struct(fields), Value::Object(entries)) => {
            for (name, value) in entries {
                if let Some(field) = fields.get(name) {
                    inside(Segment::Name(name.clone()), &field.reads, value);
                }
            }
        }
        (Reads::Enum(known), Value::Object(entries)) => {
            for (name, value) in entries {
                if let Some(content) = known.variants.get(name) {
                    inside(Segment::Name(name.clone()), content, value);
                }
            }
        }
        _ => {}
    }
}
