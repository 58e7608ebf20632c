//! A line of the file: an event type in one of its schema versions, and what was true of it when the line was added.

use std::{fmt, hash::Hasher};

use fnv::FnvHasher;
use serde_json::{Value, value::RawValue};

use super::{
    key::{Key, escape, unescape},
    reads::Reads,
};

/// What an event was read as: an event type in its newest schema version, and its payload.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ReadAs {
    pub(super) event_type: String,
    pub(super) schema_version: u32,
    pub(super) payload: Payload,
}

impl ReadAs {
    pub(super) fn key(&self, category: &str) -> Key {
        Key::new(category, &self.event_type, self.schema_version)
    }
}

impl fmt::Display for ReadAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            event_type,
            schema_version,
            payload,
        } = self;
        write!(
            f,
            "{}@{schema_version} {}",
            escape(event_type),
            payload.text
        )
    }
}

/// JSON that keeps its text. Two payloads are equal if they have the same content, whatever the order of their fields.
#[derive(Debug, Clone)]
pub(super) struct Payload {
    pub(super) text: String,
    pub(super) value: Value,
}

impl Payload {
    pub(super) fn new(text: &str) -> serde_json::Result<Self> {
        Ok(Self {
            text: text.to_owned(),
            value: serde_json::from_str(text)?,
        })
    }

    /// Without blanks and ends of lines between its tokens: a line of the file has none.
    ///
    /// # Errors
    /// When it is no JSON.
    pub(super) fn compact(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str::<Value>(text)?;
        let (mut in_text, mut escaped) = (false, false);
        let mut is_kept = |c: char| {
            let kept = in_text || !c.is_ascii_whitespace();
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_text = !in_text,
                _ => {}
            }
            kept
        };
        Self::new(&text.chars().filter(|c| is_kept(*c)).collect::<String>())
    }

    pub(super) fn of(value: Value) -> Self {
        Self {
            text: value.to_string(),
            value,
        }
    }
}

/// Whether a number of this JSON is an integer of more than 64 bits, of which `Value` keeps only about 16 digits.
pub(super) fn has_large_integer(json: &str) -> bool {
    let (mut in_text, mut escaped, mut number) = (false, false, String::new());
    // The blank ends a number that is last.
    json.chars().chain([' ']).any(|c| {
        if in_text {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => in_text = false,
                _ => {}
            }
            return false;
        }
        if c.is_ascii_digit() || "+-.eE".contains(c) {
            number.push(c);
            return false;
        }
        in_text = c == '"';
        let number = std::mem::take(&mut number);
        let is_integer = number.ends_with(|c: char| c.is_ascii_digit())
            && !number.contains(|c: char| !c.is_ascii_digit() && c != '-');
        is_integer && number.parse::<i64>().is_err() && number.parse::<u64>().is_err()
    })
}

impl PartialEq for Payload {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// What a line says.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Said {
    /// How the code read the type when it was written.
    Shape(Reads),
    /// What an event of this shape was read as.
    Golden(Payload, Vec<ReadAs>),
    /// No event of this shape was ever stored.
    Withdrawn,
}

/// A line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    pub(super) key: Key,
    /// The hash of the shape, `-` for an event that is older than the file.
    pub(super) shape: String,
    pub(super) said: Said,
}

/// The words that say what a line says.
pub(super) const WORDS: [&str; 3] = ["shape", "event", "withdrawn"];

impl Line {
    /// Reads a line without its end of line. `None` if it was changed, or is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (content, sum) = text.rsplit_once(" #")?;
        if sum != checksum(content) {
            return None;
        }
        let mut words = content.splitn(4, ' ');
        let key = Key::parse(words.next()?)?;
        let word = words.next()?;
        let shape = words.next()?.to_owned();
        let rest = words.next().unwrap_or_default();
        let said = match word {
            "shape" => Said::Shape(serde_json::from_str(rest).ok()?),
            "event" => golden(rest)?,
            "withdrawn" => Said::Withdrawn,
            _ => return None,
        };
        Some(Self { key, shape, said })
    }
}

/// The lines of a category.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    /// Those that count.
    pub(super) valid: Vec<&'a Line>,
    /// Those of shapes that were withdrawn.
    pub(super) withdrawn: Vec<&'a Line>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(category: &'a str, lines: &'a [Line]) -> Self {
        let own = || lines.iter().filter(|line| line.key.category == category);
        let withdraws = |line: &Line| {
            let same = |other: &&Line| other.key == line.key && other.shape == line.shape;
            own()
                .filter(same)
                .any(|other| other.said == Said::Withdrawn)
        };
        let (withdrawn, valid) = own().partition(|line| withdraws(line));
        Self { valid, withdrawn }
    }

    /// The lines that say what events were read as.
    pub(super) fn events(&self) -> impl Iterator<Item = (&'a Line, &'a Payload, &'a Vec<ReadAs>)> {
        self.valid.iter().filter_map(|line| match &line.said {
            Said::Golden(payload, read_as) => Some((*line, payload, read_as)),
            _ => None,
        })
    }

    /// The lines that say how the code read a type.
    pub(super) fn shapes(&self) -> impl Iterator<Item = (&'a Line, &'a Reads)> {
        self.valid.iter().filter_map(|line| match &line.said {
            Said::Shape(reads) => Some((*line, reads)),
            _ => None,
        })
    }
}

fn golden(text: &str) -> Option<Said> {
    let (payload, rest) = json(text)?;
    let mut rest = rest.strip_prefix(" -> ")?;
    let mut read_as = Vec::new();
    while rest != NOTHING {
        let (name, json_and_more) = rest.split_once(' ')?;
        let (event_type, version) = name.rsplit_once('@')?;
        let (payload, more) = json(json_and_more)?;
        read_as.push(ReadAs {
            event_type: unescape(event_type)?,
            schema_version: version.parse().ok()?,
            payload,
        });
        match more.strip_prefix(" + ") {
            Some(more) => rest = more,
            None if more.is_empty() => break,
            None => return None,
        }
    }
    Some(Said::Golden(payload, read_as))
}

/// The JSON at the beginning of a text, and the rest.
fn json(text: &str) -> Option<(Payload, &str)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Box<RawValue>>();
    let raw = values.next()?.ok()?;
    let rest = text.get(values.byte_offset()..)?;
    Some((Payload::new(raw.get()).ok()?, rest))
}

const NOTHING: &str = "nothing";

/// `Opened@1 {..} + Deposited@2 {..}`.
pub(super) fn joined(read_as: &[ReadAs]) -> String {
    if read_as.is_empty() {
        return NOTHING.to_owned();
    }
    let parts: Vec<_> = read_as.iter().map(ToString::to_string).collect();
    parts.join(" + ")
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let content = self.content();
        write!(f, "{content} #{}", checksum(&content))
    }
}

impl Line {
    /// The line without its checksum.
    pub(super) fn content(&self) -> String {
        let Self { key, shape, said } = self;
        match said {
            Said::Shape(reads) => {
                let reads = serde_json::to_string(reads).expect("kinds and names are JSON");
                format!("{key} shape {shape} {reads}")
            }
            Said::Golden(payload, read_as) => {
                format!(
                    "{key} event {shape} {} -> {}",
                    payload.text,
                    joined(read_as)
                )
            }
            Said::Withdrawn => format!("{key} withdrawn {shape}"),
        }
    }
}

fn checksum(content: &str) -> String {
    let mut hash = FnvHasher::default();
    hash.write(content.as_bytes());
    short(hash.finish())
}

/// The hash of a shape or a line as the file holds it.
pub(super) fn short(hash: u64) -> String {
    let folded = hash ^ hash >> 32;
    format!("{:08x}", folded & 0xffff_ffff)
}
