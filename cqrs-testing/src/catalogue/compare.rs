//! Whether a reader can read what a writer writes.

use std::fmt;

use serde_json::{Map, Value};

use super::{
    line::Payload,
    reads::{Field, Reads},
};

/// A part that a reader cannot read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Problem {
    /// Where, from the event on: `.line.cents`.
    pub(super) path: String,
    /// What the reader reads there.
    pub(super) kind: String,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Missing,
    /// The writer writes this kind.
    Other(String),
    /// The writer writes this variant, which the reader does not have.
    Variant(String),
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no longer written"),
            Self::Other(kind) => write!(f, "written as {kind}"),
            Self::Variant(name) => write!(
                f,
                "written with the variant `{name}`, which it does not know"
            ),
        }
    }
}

impl Reads {
    /// What the reader reads here, in a word.
    fn kind(&self) -> String {
        match self {
            Self::Leaf(kind) => kind.clone(),
            Self::Option(content) => format!("{} or null", content.kind()),
            Self::Seq(item) => format!("list of {}", item.kind()),
            Self::Tuple(parts) => format!("list of {} values", parts.len()),
            Self::Map(value) => format!("map of {}", value.kind()),
            Self::Entries(entry) => format!("map from {} to {}", entry.0.kind(), entry.1.kind()),
            Self::Struct(_) => "struct".to_owned(),
            Self::Enum(_) => "enum".to_owned(),
        }
    }

    /// What this reader of an event type cannot read of a payload. As the codec does, a type without content reads every
    /// payload, and a type with fields reads null as an object without any.
    pub(super) fn problems_with(&self, payload: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        match (self, payload) {
            (Self::Leaf(kind), _) if kind == "bare" => {}
            (Self::Struct(_), Value::Null) => {
                self.check(&Value::Object(Map::default()), "", &mut problems);
            }
            _ => self.check(payload, "", &mut problems),
        }
        problems
    }

    /// What this reader of an event type cannot read of what is written: its kinds, and its payloads.
    pub(super) fn problems_with_events<'a>(
        &self,
        kinds: &Self,
        payloads: impl IntoIterator<Item = &'a Payload>,
    ) -> Vec<Problem> {
        let mut problems = self.problems_with_kinds(kinds);
        for payload in payloads {
            for problem in self.problems_with(&payload.value) {
                if problems.iter().all(|known| known.path != problem.path) {
                    problems.push(problem);
                }
            }
        }
        problems.sort();
        problems
    }

    fn check(&self, value: &Value, path: &str, problems: &mut Vec<Problem>) {
        let mut problem = |what| {
            problems.push(Problem {
                path: path.to_owned(),
                kind: self.kind(),
                what,
            });
        };
        match (self, value) {
            (Self::Option(_), Value::Null) => {}
            (Self::Option(content), value) => content.check(value, path, problems),
            (Self::Leaf(kind), value) if leaf_reads(kind, value) => {}
            (Self::Seq(item), Value::Array(items)) => {
                for value in items {
                    item.check(value, &format!("{path}[]"), problems);
                }
            }
            (Self::Tuple(parts), Value::Array(items)) if items.len() == parts.len() => {
                for (index, (part, value)) in parts.iter().zip(items).enumerate() {
                    part.check(value, &format!("{path}.{index}"), problems);
                }
            }
            (Self::Map(part), Value::Object(entries)) => {
                for value in entries.values() {
                    part.check(value, &format!("{path}{{}}"), problems);
                }
            }
            (Self::Entries(part), Value::Object(entries)) => {
                for (name, value) in entries {
                    part.0
                        .check(&part.0.key(name), &format!("{path}{{key}}"), problems);
                    part.1.check(value, &format!("{path}{{}}"), problems);
                }
            }
            (Self::Struct(fields), Value::Object(entries)) => {
                for (name, field) in fields {
                    let path = format!("{path}.{name}");
                    match field.names(name).find_map(|name| entries.get(name)) {
                        Some(value) => field.reads.check(value, &path, problems),
                        None if field.required => problems.push(Problem {
                            path,
                            kind: field.reads.kind(),
                            what: What::Missing,
                        }),
                        None => {}
                    }
                }
            }
            (Self::Enum(known), value) => match variant_of(value) {
                Some((name, content)) => match known.variants.get(name) {
                    Some(reads) => reads.check(content, &format!("{path}::{name}"), problems),
                    None if known.open => {}
                    None => problem(What::Variant(name.to_owned())),
                },
                None => problem(What::Other(json_kind(value).to_owned())),
            },
            (_, value) => problem(What::Other(json_kind(value).to_owned())),
        }
    }

    /// A key of a map as the value that it stands for: JSON has only texts as keys.
    fn key(&self, name: &str) -> Value {
        let is_text = !matches!(self, Self::Leaf(kind) if kind != "char" && kind != "string");
        let value = serde_json::from_str(name).ok();
        let value =
            value.filter(|value: &Value| !is_text && !value.is_object() && !value.is_array());
        value.unwrap_or_else(|| name.into())
    }

    /// What this reader cannot read of a writer's kinds. Only parts that both know are compared: a payload shows the others.
    pub(super) fn problems_with_kinds(&self, writer: &Self) -> Vec<Problem> {
        let mut problems = Vec::new();
        self.compare(writer, "", &mut problems);
        problems
    }

    fn compare(&self, writer: &Self, path: &str, problems: &mut Vec<Problem>) {
        match (self, writer) {
            (Self::Option(reader), Self::Option(writer)) => reader.compare(writer, path, problems),
            (Self::Option(reader), writer) => reader.compare(writer, path, problems),
            (reader, Self::Option(writer)) => reader.compare(writer, path, problems),
            (Self::Leaf(reader), Self::Leaf(writer)) if kind_reads(reader, writer) => {}
            (Self::Leaf(any), _) | (_, Self::Leaf(any)) if any == Self::ANY || any == "bare" => {}
            (Self::Seq(reader), Self::Seq(writer)) => {
                reader.compare(writer, &format!("{path}[]"), problems);
            }
            (Self::Map(reader), Self::Map(writer)) => {
                reader.compare(writer, &format!("{path}{{}}"), problems);
            }
            (Self::Entries(reader), Self::Entries(writer)) => {
                reader
                    .0
                    .compare(&writer.0, &format!("{path}{{key}}"), problems);
                reader
                    .1
                    .compare(&writer.1, &format!("{path}{{}}"), problems);
            }
            // Texts, or keys of a file that does not know them: a payload shows them.
            (Self::Entries(reader), Self::Map(writer)) => {
                reader.1.compare(writer, &format!("{path}{{}}"), problems);
            }
            (Self::Map(reader), Self::Entries(writer)) => {
                reader.compare(&writer.1, &format!("{path}{{}}"), problems);
            }
            (Self::Tuple(reader), Self::Tuple(writer)) if reader.len() == writer.len() => {
                for (index, (reader, writer)) in reader.iter().zip(writer).enumerate() {
                    reader.compare(writer, &format!("{path}.{index}"), problems);
                }
            }
            (Self::Struct(reader), Self::Struct(writer)) => {
                for (name, field) in reader {
                    let mut names = field.names(name);
                    if let Some(written) = names.find_map(|name| writer.get(name)) {
                        let path = format!("{path}.{name}");
                        field.reads.compare(&written.reads, &path, problems);
                    }
                }
            }
            (Self::Enum(reader), Self::Enum(writer)) => {
                for (name, writer) in &writer.variants {
                    if let Some(reader) = reader.variants.get(name) {
                        reader.compare(writer, &format!("{path}::{name}"), problems);
                    }
                }
            }
            _ => problems.push(Problem {
                path: path.to_owned(),
                kind: self.kind(),
                what: What::Other(writer.kind()),
            }),
        }
    }
}

impl Field {
    fn names<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        std::iter::once(name).chain(self.aliases.iter().map(String::as_str))
    }
}

fn variant_of(value: &Value) -> Option<(&str, &Value)> {
    match value {
        Value::String(name) => Some((name, &Value::Null)),
        Value::Object(entries) if entries.len() == 1 => entries
            .iter()
            .next()
            .map(|(name, content)| (name.as_str(), content)),
        _ => None,
    }
}

fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "a number with a fraction",
        Value::Number(_) => "an integer",
        Value::String(_) => "string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Whether a reader of this kind reads a value.
fn leaf_reads(kind: &str, value: &Value) -> bool {
    match kind {
        "bool" => value.is_boolean(),
        "f32" | "f64" => value.is_number(),
        "string" | "char" => value.is_string(),
        "bytes" => value.is_array() || value.is_string(),
        "unit" | "bare" => value.is_null(),
        _ => match integer(kind) {
            Some((signed, _)) => {
                let whole = value.is_i64() || value.is_u64();
                whole && (signed || value.is_u64())
            }
            None => true,
        },
    }
}

/// Whether a reader of this kind reads every value of the writer's.
fn kind_reads(reader: &str, writer: &str) -> bool {
    if reader == writer || [reader, writer].contains(&Reads::ANY) || reader == "ignored" {
        return true;
    }
    match (integer(reader), integer(writer)) {
        (Some((true, own)), Some((false, bits))) => own > bits,
        (Some((signed, own)), Some((written, bits))) => signed == written && own >= bits,
        (None, Some((_, bits))) => match reader {
            "f64" => bits <= 32,
            "f32" => bits <= 16,
            _ => false,
        },
        _ => matches!((reader, writer), ("f64", "f32") | ("string", "char")),
    }
}

/// Whether the kind is signed, and its bits.
pub(super) fn integer(kind: &str) -> Option<(bool, u32)> {
    let (sign, bits) = kind.split_at_checked(1)?;
    let signed = match sign {
        "i" => true,
        "u" => false,
        _ => return None,
    };
    Some((signed, bits.parse().ok()?))
}
