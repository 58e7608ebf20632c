//! The name under which something is done at most once.

use std::{fmt, sync::Arc};

use serde::Serialize;

use crate::{
    codec::CodecError,
    model::{
        hash::fnv1a,
        stream::{InvalidName, StreamId},
    },
};

/// Names a request for ever, in the whole store: what is sent again under the same key is not done again.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(Arc<str>);

impl IdempotencyKey {
    /// The longest key, in bytes.
    pub const MAX_BYTES: usize = 255;

    /// A key of 1 to 255 bytes without control characters.
    ///
    /// # Errors
    /// When the key breaks that rule.
    pub fn new(key: impl AsRef<str>) -> Result<Self, InvalidName> {
        let key = key.as_ref();
        let refuse = |why: &str| Err(InvalidName::new("idempotency key", key, why));
        if key.is_empty() {
            return refuse("is empty; give it 1 to 255 bytes");
        }
        if key.len() > Self::MAX_BYTES {
            return refuse("is longer than 255 bytes");
        }
        if key.chars().any(char::is_control) {
            return refuse("holds a control character");
        }
        Ok(Self(key.into()))
    }

    /// The key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key, and what was asked for under it.
///
/// **Invariant**: the fingerprint is of the command, never of the events: a repeat decides on another state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The key.
    pub key: IdempotencyKey,
    /// Tells the commands of one key apart.
    pub fingerprint: u64,
}

impl Idempotency {
    /// `key` for `command` to the aggregate of `stream`. The fingerprint is taken of the command's JSON, its maps in key
    /// order; a `HashSet` in a command has none, use a `BTreeSet`.
    ///
    /// # Errors
    /// When the command cannot be written as JSON.
    pub fn of<C: Serialize>(
        key: IdempotencyKey,
        stream: &StreamId,
        command: &C,
    ) -> Result<Self, CodecError> {
        let target = stream.category().as_str().bytes().chain([0]);
        let target = target.chain(stream.id().bytes()).chain([0]);
        let fingerprint = fnv1a(target.chain(sorted_json(command)?));
        Ok(Self { key, fingerprint })
    }

    /// `key` for a request to several aggregates, or to none in particular. The fingerprint is taken as by
    /// [`of`](Self::of).
    ///
    /// # Errors
    /// When the request cannot be written as JSON.
    pub fn of_request<R: Serialize>(key: IdempotencyKey, request: &R) -> Result<Self, CodecError> {
        let fingerprint = fnv1a(sorted_json(request)?);
        Ok(Self { key, fingerprint })
    }
}

/// JSON by way of a value, whose maps are sorted.
fn sorted_json<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    Ok(serde_json::to_vec(&serde_json::to_value(value)?)?)
}

/// The key was used for something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "idempotency key {:?} was used for another command; nothing was done. Give each command a key of its own, and send a \
     repeat unchanged",
    key.as_str()
)]
pub struct KeyReused {
    /// The key.
    pub key: IdempotencyKey,
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::model::stream::Category;

    #[test]
    fn keys_that_cannot_be_stored_are_refused() {
        assert!(IdempotencyKey::new("order 17/pay").is_ok());
        for refused in ["", "a\0b", "a\nb", &"x".repeat(256)] {
            assert!(IdempotencyKey::new(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn a_fingerprint_is_of_the_command_and_its_aggregate() {
        let of = |id: &str, command: &HashMap<String, u32>| {
            let stream = StreamId::new(Category::new("order").expect("valid"), id).expect("valid");
            let key = IdempotencyKey::new("k").expect("valid");
            Idempotency::of(key, &stream, command)
                .expect("JSON")
                .fingerprint
        };
        let command = |entries: &[u32]| -> HashMap<String, u32> {
            entries.iter().map(|n| (n.to_string(), *n)).collect()
        };
        let many: Vec<u32> = (0..50).collect();
        assert_eq!(of("1", &command(&many)), of("1", &command(&many)));
        assert_ne!(of("1", &command(&many)), of("2", &command(&many)));
        assert_ne!(of("1", &command(&many)), of("1", &command(&many[1..])));
    }
}
