//! The role that maintains a read model of documents: event + document -> document.

use std::collections::HashSet;

use serde::{Serialize, de::DeserializeOwned};

use crate::{model::Envelope, roles::events::Events};

/// The keys of the documents that an event touches: none, one or several.
///
/// ```
/// # use cqrs_core::DocumentKeys;
/// let one: DocumentKeys = "ann".into();
/// let several = DocumentKeys::from_iter(["ann", "bob"]);
/// assert_eq!(several.iter().count(), 2);
/// assert_eq!(DocumentKeys::none().iter().count(), 0);
/// # drop(one);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentKeys(Vec<String>);

impl DocumentKeys {
    /// No document: the event is skipped.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// The keys.
    pub fn iter(&self) -> impl Iterator<Item = &String> {
        self.0.iter()
    }
}

impl From<&str> for DocumentKeys {
    fn from(key: &str) -> Self {
        Self(vec![key.to_owned()])
    }
}

impl From<String> for DocumentKeys {
    fn from(key: String) -> Self {
        Self(vec![key])
    }
}

impl From<&String> for DocumentKeys {
    fn from(key: &String) -> Self {
        Self(vec![key.clone()])
    }
}

impl<K: Into<String>> From<Option<K>> for DocumentKeys {
    fn from(key: Option<K>) -> Self {
        key.into_iter().collect()
    }
}

impl<K: Into<String>> FromIterator<K> for DocumentKeys {
    /// Duplicate keys count once: an event is applied to a document once.
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        let mut seen = HashSet::new();
        Self(
            keys.into_iter()
                .map(Into::into)
                .filter(|key: &String| seen.insert(key.clone()))
                .collect(),
        )
    }
}

/// A read model as a pure fold into typed documents.
///
/// The same view works over the store's own log or over topics, in memory or on PostgreSQL. It can be rebuilt by replay at
/// any time.
/// **Over topics a view must not depend on the order between streams**: only the events of one stream come in order.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// /// For each account, its balance.
/// struct Balances;
/// impl View for Balances {
///     const NAME: &'static str = "balances";
///     type Events = AccountEvent;
///     type Document = u64;
///
///     fn keys(&self, event: &Envelope<AccountEvent>) -> DocumentKeys { event.id().into() }
///     fn apply(&self, _: &str, balance: Option<u64>, event: &Envelope<AccountEvent>) -> Option<u64> {
///         let AccountEvent::Deposited { cents } = &event.event;
///         Some(balance.unwrap_or_default() + cents)
///     }
/// }
/// ```
pub trait View: Send + Sync + 'static {
    /// The name of the collection of documents and of its subscription. All views, reactors and projections of a store need different names:
    /// with one name, two roles share a checkpoint, and each misses what the other one handles.
    const NAME: &'static str;
    /// The events that it reads.
    type Events: Events;
    /// The document under each key.
    type Document: Serialize + DeserializeOwned + Send + Sync;

    /// The keys of the documents that the event touches.
    fn keys(&self, event: &Envelope<Self::Events>) -> DocumentKeys;

    /// The document under `key` after the event. `None` means that there is no document: as the argument it does not exist
    /// yet, as the result it is removed.
    fn apply(
        &self,
        key: &str,
        document: Option<Self::Document>,
        event: &Envelope<Self::Events>,
    ) -> Option<Self::Document>;
}

#[cfg(test)]
mod tests {
    use super::DocumentKeys;

    #[test]
    fn duplicate_keys_count_once() {
        assert_eq!(
            DocumentKeys::from_iter(["a", "b", "a"]),
            DocumentKeys::from_iter(["a", "b"])
        );
    }
}
