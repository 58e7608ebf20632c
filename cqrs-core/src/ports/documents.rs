//! The port of the read models that views keep: documents by key.

use std::{any::type_name, collections::HashMap};

use async_trait::async_trait;
use serde::de::DeserializeOwned;

use crate::ports::{
    error::{SaveError, StoreError, StoreErrorKind},
    unit_of_work::UnitOfWork,
};

/// A document as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Rises with every write. The next write is guarded by it.
    pub version: u64,
    /// The document as JSON.
    pub body: Vec<u8>,
}

/// A document to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentWrite {
    /// Its key.
    pub key: String,
    /// The version that was read; 0 for a document that was not there.
    pub version: u64,
    /// The new content as JSON; `None` removes it.
    pub body: Option<Vec<u8>>,
}

/// Documents, in one named collection for each view.
///
/// **Invariant**: a write is guarded by the version that was read, so that of two writers who read the same document
/// only one commits.
#[async_trait]
pub trait Documents: UnitOfWork {
    /// Makes sure that the view's collection exists.
    async fn prepare_view(&self, view: &str) -> Result<(), StoreError>;

    /// The documents with these keys, to be changed: those that exist, in one round trip. Give the keys sorted.
    async fn load_in(
        &self,
        transaction: &mut Self::Transaction,
        view: &str,
        keys: &[String],
    ) -> Result<HashMap<String, Document>, StoreError>;

    /// Writes them all, in one round trip. Give them sorted by key.
    ///
    /// # Errors
    /// [`SaveError::Conflict`] when one is not at the version that was read.
    async fn save_in(
        &self,
        transaction: &mut Self::Transaction,
        view: &str,
        writes: &[DocumentWrite],
    ) -> Result<(), SaveError>;

    /// Removes every document of a view. To rebuild it use [`reset_view`](crate::reset_view), which sends the subscription
    /// back first: a batch in flight would otherwise write behind the removal.
    async fn clear_in(
        &self,
        transaction: &mut Self::Transaction,
        view: &str,
    ) -> Result<(), StoreError>;

    /// One document, for a query.
    async fn document(&self, view: &str, key: &str) -> Result<Option<Document>, StoreError>;

    /// Up to `limit` documents whose key lies behind `after`, in key order: page through a view with it.
    async fn documents(
        &self,
        view: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Document)>, StoreError>;
}

/// A document's body as the type a view keeps.
///
/// # Errors
/// When the stored shape is not that of `D`: reset the view and let it be rebuilt.
pub fn decode_document<D: DeserializeOwned>(
    view: &str,
    key: &str,
    body: &[u8],
) -> Result<D, StoreError> {
    serde_json::from_slice(body).map_err(|error| {
        let message = format!(
            "document {key:?} of view {view:?} cannot be read as `{}`: {error}; reset the view to rebuild it",
            type_name::<D>()
        );
        StoreError::new(StoreErrorKind::Undecodable, message).caused_by(error)
    })
}
