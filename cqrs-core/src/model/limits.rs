//! Checks that an event or a document is within the limits of a store.

use crate::model::{event::NewEvent, metadata::Metadata, sizes::Limits, stream::StreamId};

/// A field of an event or a document that no store accepts, or that is longer than the [`Limits`] of this one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitError {
    /// The field has no characters.
    #[error("the {field} is empty")]
    Empty {
        /// The field.
        field: &'static str,
    },
    /// The field is longer than allowed.
    #[error("the {field} has {bytes} bytes, more than {limit}; shorten it")]
    TooLong {
        /// The field.
        field: &'static str,
        /// Its length.
        bytes: usize,
        /// The longest that is allowed.
        limit: usize,
    },
    /// The field contains the NUL character, in JSON also as `\u0000`. Databases cannot store it in a text.
    #[error("the {field} contains the NUL character, which PostgreSQL cannot store; remove it")]
    Nul {
        /// The field.
        field: &'static str,
    },
    /// The JSON has an escape for one half of a surrogate pair, such as `\ud800`, which is no character.
    #[error("the {field} contains half of a surrogate pair, such as `\\ud800`; correct the JSON")]
    LoneSurrogate {
        /// The field.
        field: &'static str,
    },
    /// The JSON is not UTF-8.
    #[error("the {field} is not UTF-8; correct the JSON")]
    NotUtf8 {
        /// The field.
        field: &'static str,
    },
    /// The schema version is 0, or more than an integer of a database holds.
    #[error("the schema version is {schema_version}, not 1 to 2147483647; count from 1")]
    SchemaVersion {
        /// The schema version.
        schema_version: u32,
    },
}

/// The longest event type, in bytes.
const MAX_TYPE_BYTES: usize = 255;

/// Checks the id of a stream.
pub(crate) fn check_id(stream: &StreamId, limits: Limits) -> Result<(), LimitError> {
    check_length(
        "aggregate id",
        stream.id().len(),
        limits.effective().id_bytes,
    )
}

/// Checks an event, except its headers.
pub(crate) fn check_event(event: &NewEvent, limits: Limits) -> Result<(), LimitError> {
    check_schema_version(event.schema_version)?;
    check_fields(event.event_type, &event.metadata, &event.payload, limits)
}

/// Checks that every store can keep the schema version.
pub(crate) fn check_schema_version(schema_version: u32) -> Result<(), LimitError> {
    if schema_version == 0 || i32::try_from(schema_version).is_err() {
        return Err(LimitError::SchemaVersion { schema_version });
    }
    Ok(())
}

/// Checks the texts of an event, except its headers.
pub(crate) fn check_fields(
    event_type: &str,
    metadata: &Metadata,
    payload: &[u8],
    limits: Limits,
) -> Result<(), LimitError> {
    if event_type.is_empty() {
        return Err(LimitError::Empty {
            field: "event type",
        });
    }
    check_text("event type", event_type, MAX_TYPE_BYTES)?;
    for (field, text) in [
        ("correlation id", &metadata.correlation_id),
        ("traceparent", &metadata.traceparent),
    ] {
        if let Some(text) = text {
            check_text(field, text, limits.effective().metadata_bytes)?;
        }
    }
    let field = "payload";
    check_length(field, payload.len(), limits.payload_bytes)?;
    check_json(field, payload)
}

/// A correlation id or trace context for an event that follows from another one. Another system may have sent one that the store
/// does not accept: it is left out.
pub(crate) fn inheritable(text: Option<&String>, limits: Limits) -> Option<String> {
    let limit = limits.effective().metadata_bytes;
    text.filter(|text| check_text("text", text, limit).is_ok())
        .cloned()
}

pub(crate) fn check_text(field: &'static str, text: &str, limit: usize) -> Result<(), LimitError> {
    check_length(field, text.len(), limit)?;
    if text.contains('\0') {
        return Err(LimitError::Nul { field });
    }
    Ok(())
}

fn check_length(field: &'static str, bytes: usize, limit: usize) -> Result<(), LimitError> {
    if bytes > limit {
        return Err(LimitError::TooLong {
            field,
            bytes,
            limit,
        });
    }
    Ok(())
}

/// Checks the characters of a JSON text, not its syntax.
pub(crate) fn check_json(field: &'static str, json: &[u8]) -> Result<(), LimitError> {
    let Ok(text) = std::str::from_utf8(json) else {
        return Err(LimitError::NotUtf8 { field });
    };
    if text.contains('\0') {
        return Err(LimitError::Nul { field });
    }
    let mut rest = text;
    while let Some((_, escape)) = rest.split_once('\\') {
        let mut length = 1;
        if let Some(unit) = unit(escape) {
            length = 5;
            let low = escape.get(5..).and_then(|after| after.strip_prefix('\\'));
            let is_pair = low
                .and_then(self::unit)
                .is_some_and(|low| (0xdc00..0xe000).contains(&low));
            match unit {
                0 => return Err(LimitError::Nul { field }),
                0xd800..0xdc00 if is_pair => length = 11,
                0xd800..0xe000 => return Err(LimitError::LoneSurrogate { field }),
                _ => {}
            }
        }
        // The character after a backslash may be longer than a byte if this is not JSON.
        rest = escape.get(length..).unwrap_or_default();
    }
    Ok(())
}

/// The number of an escape `uXXXX`.
fn unit(escape: &str) -> Option<u32> {
    let digits = escape.strip_prefix('u')?.get(..4)?;
    let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    all.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_characters_that_every_store_keeps_are_accepted() {
        let check = |json: &[u8]| check_json("payload", json);
        let field = "payload";
        for json in [
            r#"{"a":"\u0001 \\u0000 \\ud800 \"\\\"\u00e4\ud83e\udd80\n"}"#,
            r#""u0000""#,
            r#""\\\\u0000""#,
            "\"\u{1F980}\"",
            "",
            "\\",
            "\\u00",
            "\\ä\\u12",
        ] {
            assert_eq!(check(json.as_bytes()), Ok(()), "{json}");
        }
        for json in [r#""\u0000""#, r#""\\\u0000""#, "\"a\0\"", r#""\n\u0000""#] {
            assert_eq!(
                check(json.as_bytes()),
                Err(LimitError::Nul { field }),
                "{json}"
            );
        }
        for json in [
            r#""\ud800""#,
            r#""\udc00""#,
            r#""\uD83E \udd80""#,
            r#""\ud83e\ud83e""#,
            r#""\ud83e\\udd80""#,
            r#""\ud83e\udd80\udd80""#,
        ] {
            assert_eq!(
                check(json.as_bytes()),
                Err(LimitError::LoneSurrogate { field }),
                "{json}"
            );
        }
        assert_eq!(check(b"\"\xff\""), Err(LimitError::NotUtf8 { field }));
    }

    #[test]
    fn only_texts_that_can_be_stored_are_inherited() {
        let inherited = |text: &str| inheritable(Some(&text.to_owned()), Limits::default());
        assert_eq!(inherited("visit").as_deref(), Some("visit"));
        assert_eq!(inherited("a\0b"), None);
        assert_eq!(inherited(&"x".repeat(1_025)), None);
    }
}
