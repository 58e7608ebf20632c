//! The name of a stream: a category and an id within it.

use std::{fmt, sync::Arc};

use crate::model::{event::Event, hash::slice_of_bytes, sizes};

/// A name that cannot be stored, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {name:?} {why}")]
pub struct InvalidName {
    what: &'static str,
    name: String,
    why: String,
}

impl InvalidName {
    /// The error for a `name` of kind `what`. `why` completes the sentence: `is empty`, `contains a space`.
    #[must_use]
    pub fn new(what: &'static str, name: &str, why: impl Into<String>) -> Self {
        let shown = name.chars().take(64).collect();
        Self {
            what,
            name: shown,
            why: why.into(),
        }
    }
}

/// A kind of stream: `account`, `order`. Also part of the name of its topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Category(Arc<str>);

impl Category {
    /// The longest category, in bytes.
    pub const MAX_BYTES: usize = 100;

    /// A category of 1 to 100 ASCII letters, digits, `_`, `-` and `.`: the characters that Kafka allows in a topic's name.
    ///
    /// # Errors
    /// When the name breaks that rule.
    pub fn new(name: impl AsRef<str>) -> Result<Self, InvalidName> {
        let name = name.as_ref();
        let reject = |why: &str| Err(InvalidName::new("category", name, why));
        if name.is_empty() {
            return reject("is empty; give it 1 to 100 bytes");
        }
        if name.len() > Self::MAX_BYTES {
            return reject("is longer than 100 bytes");
        }
        if !name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        {
            return reject("may contain only ASCII letters, digits, `_`, `-` and `.`");
        }
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One stream: the events of one aggregate.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// let stream = StreamId::of::<AccountEvent>("ann")?;
/// assert_eq!(stream.category().as_str(), "account");
/// assert_eq!(stream.id(), "ann");
/// assert_eq!(stream.to_string(), "account-ann");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    category: Category,
    id: Arc<str>,
}

impl StreamId {
    /// The longest id, in bytes.
    pub const MAX_ID_BYTES: usize = sizes::MAX_ID_BYTES;

    /// The stream of `id` in `category`.
    ///
    /// # Errors
    /// When `id` is empty, is longer than 255 bytes or contains a control character.
    pub fn new(category: Category, id: impl AsRef<str>) -> Result<Self, InvalidName> {
        let id = id.as_ref();
        if id.is_empty() {
            return Err(InvalidName::new(
                "stream id",
                id,
                "is empty; give it 1 to 255 bytes",
            ));
        }
        if id.len() > Self::MAX_ID_BYTES {
            return Err(InvalidName::new(
                "stream id",
                id,
                format!("has {} bytes, more than 255", id.len()),
            ));
        }
        if id.chars().any(char::is_control) {
            return Err(InvalidName::new(
                "stream id",
                id,
                "contains a control character",
            ));
        }
        Ok(Self {
            category,
            id: id.into(),
        })
    }

    /// The stream of `id` in the category of `E`.
    ///
    /// # Errors
    /// When the category of `E` or the id is not a valid name.
    pub fn of<E: Event>(id: impl AsRef<str>) -> Result<Self, InvalidName> {
        Self::new(Category::new(E::CATEGORY)?, id)
    }

    /// The category.
    #[must_use]
    pub fn category(&self) -> &Category {
        &self.category
    }

    /// The aggregate's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The aggregate's id, as a shared reference.
    #[must_use]
    pub fn shared_id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    /// The slice of this stream, 0 to 1,023. It is stored with every event, so the algorithm never changes: 64-bit FNV-1a
    /// over `category`, a zero byte and `id`, folded to 32 bits, modulo 1,024.
    ///
    /// Source: Fowler, Noll, Vo, <http://www.isthe.com/chongo/tech/comp/fnv/>.
    #[must_use]
    pub fn slice(&self) -> u16 {
        let bytes = self.category.0.bytes().chain([0]).chain(self.id.bytes());
        slice_of_bytes(bytes)
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.category, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(id: &str) -> Result<StreamId, InvalidName> {
        StreamId::new(Category::new("account").expect("valid"), id)
    }

    #[test]
    fn names_that_cannot_be_stored_are_rejected_with_a_reason() {
        let message =
            |result: Result<StreamId, InvalidName>| result.expect_err("invalid").to_string();
        assert_eq!(
            message(stream("")),
            "stream id \"\" is empty; give it 1 to 255 bytes"
        );
        assert!(message(stream(&"x".repeat(256))).ends_with("has 256 bytes, more than 255"));
        assert_eq!(
            message(stream("a\0b")),
            "stream id \"a\\0b\" contains a control character"
        );
        assert!(Category::new("bank account").is_err() && Category::new("").is_err());
        assert!(Category::new("x".repeat(101)).is_err());
    }

    #[test]
    fn a_slice_never_changes() {
        assert_eq!(stream("alice").map(|s| s.slice()), Ok(12));
        let mut counts = [0_u32; 1024];
        (0..102_400)
            .for_each(|n| counts[usize::from(stream(&n.to_string()).expect("valid").slice())] += 1);
        assert!(
            counts.iter().all(|&n| (40..200).contains(&n)),
            "streams spread over the slices"
        );
    }
}
