//! The names in a catalogue: event types with their schema versions, and enums.

use std::{
    any::type_name,
    fmt::{self, Write},
};

/// An event type of a category, in one schema version. As text: `account/Deposited@2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) category: String,
    pub(super) event_type: String,
    pub(super) schema_version: u32,
}

impl Key {
    pub(super) fn new(category: &str, event_type: &str, schema_version: u32) -> Self {
        Self {
            category: category.to_owned(),
            event_type: event_type.to_owned(),
            schema_version,
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (category, rest) = text.split_once('/')?;
        let (event_type, version) = rest.rsplit_once('@')?;
        Some(Self::new(
            &unescape(category)?,
            &unescape(event_type)?,
            version.parse().ok()?,
        ))
    }

    /// `account/Deposited`.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", escape(&self.category), escape(&self.event_type))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name(), self.schema_version)
    }
}

/// Blanks would end a name in a line, and `/` would be a folder in the name of a file.
pub(super) fn escape(name: &str) -> String {
    let mut escaped = String::new();
    for character in name.chars() {
        if character.is_whitespace() || character.is_control() || "%/\\:".contains(character) {
            let mut bytes = [0; 4];
            for byte in character.encode_utf8(&mut bytes).bytes() {
                write!(escaped, "%{byte:02x}").expect("a `String` takes everything");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

pub(super) fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            let digits = std::str::from_utf8(&digits).ok()?.to_owned();
            bytes.push(u8::from_str_radix(&digits, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The name of the enum without its modules and its generic arguments.
pub(super) fn short_name<E>() -> &'static str {
    let name = type_name::<E>();
    let name = name.split('<').next().unwrap_or(name);
    name.rsplit("::").next().unwrap_or(name)
}
