//! The port of the views' documents.

use std::{any::type_name, collections::HashMap};

use serde::de::DeserializeOwned;

use crate::{
    codec::CodecError,
    model::{KeyRange, check_json, check_text},
    ports::{
        error::{BoxError, SaveError, StoreError, StoreErrorKind},
        unit_of_work::UnitOfWork,
    },
};

/// A stored document.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Document {
    /// Rises with every write, and is never used again for a document of this key, also after a removal. The next write must
    /// name it.
    pub version: u64,
    /// The document as JSON.
    pub body: Vec<u8>,
}

impl Document {
    /// A document at this version.
    #[must_use]
    pub const fn new(version: u64, body: Vec<u8>) -> Self {
        Self { version, body }
    }
}

/// A write or a removal of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DocumentWrite {
    /// Its key.
    pub key: String,
    /// The version that was read; 0 for a document that does not exist.
    pub version: u64,
    /// The new content as JSON; `None` removes the document, or leaves it absent.
    pub body: Option<Vec<u8>>,
}

impl DocumentWrite {
    /// The longest key, in bytes.
    pub const MAX_KEY_BYTES: usize = 1_024;

    /// Writes `body` under `key`, over the version that was read.
    #[must_use]
    pub fn new(key: impl Into<String>, version: u64, body: Option<Vec<u8>>) -> Self {
        Self {
            key: key.into(),
            version,
            body,
        }
    }

    /// Rejects a document that no store accepts: a key of more than 1,024 bytes, and characters that a database cannot store. An
    /// adapter calls it first.
    ///
    /// # Errors
    /// [`StoreErrorKind::InvalidInput`]; the message names the view and the document. The source is a
    /// [`LimitError`](crate::model::LimitError).
    pub fn check(&self, view: &str) -> Result<(), StoreError> {
        Self::check_key(view, &self.key)?;
        let body = self.body.as_deref().unwrap_or_default();
        check_json("body", body).map_err(|error| rejected(view, &self.key, error))
    }

    /// Rejects a key that no document can have. An adapter calls it before it loads documents.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_key(view: &str, key: &str) -> Result<(), StoreError> {
        check_text("key", key, Self::MAX_KEY_BYTES).map_err(|error| rejected(view, key, error))
    }
}

fn rejected(view: &str, key: &str, error: impl Into<BoxError>) -> StoreError {
    let key: String = key.chars().take(64).collect();
    let message =
        format!("document {key:?} of view {view:?} cannot be stored; correct it in the view");
    StoreError::new(StoreErrorKind::InvalidInput, message).caused_by(error)
}

/// Documents, in one named collection for each view.
///
/// **Invariant**: a write succeeds only at the version that was read: of two writers that read the same version, only one
/// commits. A document that is removed, or [cleared](Self::clear_in), and created again has a new version, so that a writer that
/// read the former one cannot change it.
pub trait Documents: UnitOfWork {
    /// Creates the view's collection unless it exists.
    fn prepare_view(&self, view: &str) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Loads the documents with these keys to change them, in one round trip. Keys without a document are left out. The
    /// keys must be sorted.
    ///
    /// # Errors
    /// [`StoreErrorKind::InvalidInput`] when [no document can have](DocumentWrite::check_key) a key.
    fn load_in(
        &self,
        transaction: &mut Self::Transaction,
        view: &str,
        keys: &[String],
    ) -> impl Future<Output = Result<HashMap<String, Document>, StoreError>> + Send;

    /// Makes all writes in one round trip. They must be sorted by key.
    ///
    /// # Errors
    /// [`SaveError::Conflict`] when a document is not at the version that was read. [`StoreErrorKind::InvalidInput`] when a
    /// document is [beyond a limit](DocumentWrite::check).
    fn save_in(
        &self,
        transaction: &mut Self::Transaction,
        view: &str,
        writes: &[DocumentWrite],
    ) -> impl Future<Output = Result<(), SaveError>> + Send;

    /// Removes every document of a view. To rebuild a view use [`ReadModel::reset`](crate::ReadModel::reset): it resets the
    /// subscription first, so that a batch in flight cannot write after the removal.
    fn clear_in(
        &self,
        transaction: &mut Self::Transaction,
        view: &str,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// One document, for a query. `None` as well if the view was never prepared, or if no document can have this key.
    fn document(
        &self,
        view: &str,
        key: &str,
    ) -> impl Future<Output = Result<Option<Document>, StoreError>> + Send;

    /// Up to `limit` documents with keys in `keys`, in key order: one page of a view. None if the view was never prepared.
    fn documents(
        &self,
        view: &str,
        keys: &KeyRange,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<(String, Document)>, StoreError>> + Send;
}

/// Decodes the body of a document.
///
/// # Errors
/// When the stored JSON does not fit `D`: reset the view to rebuild it.
pub fn decode_document<D: DeserializeOwned>(
    view: &str,
    key: &str,
    body: &[u8],
) -> Result<D, StoreError> {
    serde_json::from_slice(body).map_err(|error| {
        let message = format!(
            "document {key:?} of view {view:?} cannot be read as `{}`; reset the view to rebuild it",
            type_name::<D>()
        );
        StoreError::new(StoreErrorKind::Undecodable, message).caused_by(CodecError::from(error))
    })
}
