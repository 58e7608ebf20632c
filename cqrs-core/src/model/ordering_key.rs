//! The key of the events that a subscription must handle in order.

use std::fmt;

use crate::model::{
    hash::slice_of_bytes,
    stream::{InvalidName, StreamId},
};

/// What a subscription handles in order: the events of one key. When one of them cannot be handled, the later ones of its key wait,
/// and others go on.
///
/// ```
/// use cqrs_core::model::OrderingKey;
///
/// let process = OrderingKey::named("order 17")?;
/// assert_eq!(process.to_string(), "order 17");
/// assert_eq!(process.stream(), None);
/// # Ok::<(), cqrs_core::model::InvalidName>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderingKey(Key);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key {
    Stream(StreamId),
    Named(String),
}

impl OrderingKey {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 400;

    /// A key by a name: for a handler whose order goes beyond one stream, such as a process over several categories.
    ///
    /// # Errors
    /// When the name is empty, is longer than 400 bytes or contains a control character.
    pub fn named(name: impl Into<String>) -> Result<Self, InvalidName> {
        let name = name.into();
        let reject = |why: &str| Err(InvalidName::new("ordering key", &name, why));
        if name.is_empty() || name.len() > Self::MAX_BYTES {
            return reject("does not have 1 to 400 bytes");
        }
        if name.chars().any(char::is_control) {
            return reject("contains a control character");
        }
        Ok(Self(Key::Named(name)))
    }

    /// A stream as a name, because not all events of the key are in the stream.
    pub(crate) fn of_foreign(stream: &StreamId) -> Self {
        Self(Key::Named(stream.to_string()))
    }

    /// The slice of the key: that of its stream, or a stable hash of its name.
    #[must_use]
    pub fn slice(&self) -> u16 {
        match &self.0 {
            Key::Stream(stream) => stream.slice(),
            Key::Named(name) => slice_of_bytes(name.bytes()),
        }
    }

    /// The stream, if the key is one.
    #[must_use]
    pub fn stream(&self) -> Option<&StreamId> {
        match &self.0 {
            Key::Stream(stream) => Some(stream),
            Key::Named(_) => None,
        }
    }
}

impl From<StreamId> for OrderingKey {
    fn from(stream: StreamId) -> Self {
        Self(Key::Stream(stream))
    }
}

impl fmt::Display for OrderingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Key::Stream(stream) => stream.fmt(f),
            Key::Named(name) => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Category;

    #[test]
    fn a_name_is_never_a_stream() {
        let stream = StreamId::new(Category::new("account").expect("valid"), "ann").expect("valid");
        let key = OrderingKey::from(stream.clone());
        let named = OrderingKey::named("account-ann").expect("valid");
        assert_ne!(key, named);
        assert_eq!(key.to_string(), named.to_string());
        assert_eq!(key.stream(), Some(&stream));
    }

    #[test]
    fn names_that_cannot_be_stored_are_rejected() {
        for name in ["", "a\0b", &"x".repeat(401)] {
            assert!(OrderingKey::named(name).is_err(), "{name:?}");
        }
    }
}
