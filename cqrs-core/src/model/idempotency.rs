//! The key under which a request is executed at most once.

use std::{fmt, sync::Arc};

use serde::Serialize;

use crate::{
    codec::{CodecError, sorted_json},
    model::{
        hash::fnv1a,
        stream::{InvalidName, StreamId},
    },
};

/// Identifies a request in the whole store: a repeat under the same key is not executed again.
///
/// ```
/// # use cqrs_core::IdempotencyKey;
/// let key = IdempotencyKey::new("invoice 17")?;
/// assert_eq!(key.as_str(), "invoice 17");
///
/// let error = IdempotencyKey::new("").unwrap_err();
/// assert_eq!(error.to_string(), "idempotency key \"\" is empty; give it 1 to 255 bytes");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
        let reject = |why: &str| Err(InvalidName::new("idempotency key", key, why));
        if key.is_empty() {
            return reject("is empty; give it 1 to 255 bytes");
        }
        if key.len() > Self::MAX_BYTES {
            return reject("is longer than 255 bytes");
        }
        if key.chars().any(char::is_control) {
            return reject("contains a control character");
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

/// A key, and the fingerprint of the command that was sent under it.
///
/// **Invariant**: the fingerprint depends on the command, never on the events, because a repeat may find another state.
///
/// ```
/// # use cqrs_core::{model::Idempotency, ports::{Append, Appends}, prelude::*};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// # let stream = StreamId::of::<AccountEvent>("ann")?;
/// # let command = 500;
/// # let append = Append::of("ann", ExpectedVersion::Any, &[AccountEvent::Deposited { cents: 500 }])?;
/// let key = IdempotencyKey::new("invoice 17")?;
/// let deposit = Appends::from(append).once(Idempotency::of(key, &stream, &command)?);
///
/// store.append_all(deposit.clone()).await?;
/// let again = store.append_all(deposit).await?; // appends nothing
/// assert!(again[0].repeated);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Idempotency {
    /// The key.
    pub key: IdempotencyKey,
    /// Detects that another command was sent under the same key.
    pub fingerprint: u64,
}

impl Idempotency {
    /// `key` with the fingerprint of its command.
    #[must_use]
    pub const fn new(key: IdempotencyKey, fingerprint: u64) -> Self {
        Self { key, fingerprint }
    }

    /// `key` for `command` to the aggregate of `stream`. The fingerprint is a hash of the stream and of the command's JSON
    /// with sorted maps, the same whatever features of `serde_json` a program enables. A `HashSet` has no stable order: use a
    /// `BTreeSet` in commands.
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

    /// `key` for a request to several aggregates. The fingerprint is a hash of its JSON with sorted maps.
    ///
    /// # Errors
    /// When the request cannot be written as JSON.
    pub fn of_request<R: Serialize>(key: IdempotencyKey, request: &R) -> Result<Self, CodecError> {
        let fingerprint = fnv1a(sorted_json(request)?);
        Ok(Self { key, fingerprint })
    }
}

/// The key was used for another command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "idempotency key {:?} was used for another command; nothing was executed. Give each command its own key, and send a \
     repeat unchanged",
    key.as_str()
)]
#[non_exhaustive]
pub struct KeyReused {
    /// The key.
    pub key: IdempotencyKey,
}

impl KeyReused {
    /// `key` was used for another command.
    #[must_use]
    pub const fn new(key: IdempotencyKey) -> Self {
        Self { key }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::model::stream::Category;

    #[test]
    fn keys_that_cannot_be_stored_are_rejected() {
        assert!(IdempotencyKey::new("order 17/pay").is_ok());
        for invalid in ["", "a\0b", "a\nb", &"x".repeat(256)] {
            assert!(IdempotencyKey::new(invalid).is_err(), "{invalid:?}");
        }
    }

    #[test]
    fn a_fingerprint_depends_on_the_command_and_its_aggregate() {
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

    /// Stored fingerprints stay valid when a program enables other features of `serde_json`. The checks of the project run
    /// this test with `preserve_order` and `arbitrary_precision` too.
    #[test]
    fn a_fingerprint_never_changes() {
        #[derive(Serialize)]
        struct Pay {
            zebra: f32,
            amount: u128,
            by: serde_json::Value,
        }
        let command = Pay {
            zebra: 0.1,
            amount: u128::MAX,
            by: serde_json::json!({"name": "ann", "age": 7, "balance": 0.5}),
        };
        let stream = StreamId::new(Category::new("order").expect("valid"), "1").expect("valid");
        let key = || IdempotencyKey::new("k").expect("valid");
        let json = r#"{"amount":340282366920938463463374607431768211455,"#.to_owned()
            + r#""by":{"age":7,"balance":0.5,"name":"ann"},"zebra":0.1}"#;
        let of = Idempotency::of(key(), &stream, &command).expect("JSON");
        assert_eq!(
            of.fingerprint,
            fnv1a(format!("order\x001\x00{json}").bytes())
        );
        let of_request = Idempotency::of_request(key(), &[command]).expect("JSON");
        assert_eq!(of_request.fingerprint, fnv1a(format!("[{json}]").bytes()));
    }
}
