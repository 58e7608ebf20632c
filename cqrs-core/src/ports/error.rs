//! What can go wrong between an adapter and its caller, split by what the caller can do next.

use std::{any::type_name, fmt};

use crate::{
    codec::CodecError,
    model::{Conflict, InvalidName, KeyReused, RecordedEvent},
};

/// Any error, as a source.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a store could not do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached, or is too busy. Nothing was written; later it may work.
    Unavailable,
    /// The connection broke while a commit was under way: it may or may not have happened. Read before you go on.
    OutcomeUnknown,
    /// What was asked for can never be stored: a name that is too long, a payload that cannot be encoded.
    InvalidInput,
    /// A stored event or document cannot be read as the type that was asked for.
    Undecodable,
    /// The store is not installed, or was installed by a newer version of this crate.
    Schema,
    /// The store is set up in a way that would break its promises.
    Misconfigured,
    /// Anything else.
    Other,
}

/// A store's failure. Opaque: ask [`kind`](Self::kind) what it means for you; the driver's error is the source.
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    source: Option<BoxError>,
}

impl StoreError {
    /// A failure of this kind; the message says what, where and what to do.
    #[must_use]
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// The same failure with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The stored event cannot be read as an `E`.
    #[must_use]
    pub fn undecodable<E>(recorded: &RecordedEvent, error: CodecError) -> Self {
        Self::unreadable::<E>(&recorded.to_string(), error)
    }

    /// What is called `event` cannot be read as an `E`.
    pub(crate) fn unreadable<E>(event: &str, error: CodecError) -> Self {
        let reader = type_name::<E>();
        let message = format!(
            "{event} cannot be read as `{reader}`: {error}; give the enum the variant and fields it was written \
             with, or declare it PARTIAL if its reader does not need them"
        );
        Self::new(StoreErrorKind::Undecodable, message).caused_by(error)
    }

    /// What it means for the caller.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later. Not so after an unknown outcome: read first.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.kind == StoreErrorKind::Unavailable
    }
}

impl fmt::Debug for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            kind,
            message,
            source,
        } = self;
        f.debug_struct("StoreError")
            .field("kind", kind)
            .field("message", message)
            .field("source", source)
            .finish()
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StoreError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl From<CodecError> for StoreError {
    fn from(error: CodecError) -> Self {
        Self::new(StoreErrorKind::InvalidInput, error.to_string())
    }
}

impl From<InvalidName> for StoreError {
    fn from(error: InvalidName) -> Self {
        Self::new(StoreErrorKind::InvalidInput, error.to_string())
    }
}

/// What a write, and a commit, may answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A stream is not at the expected version.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The idempotency key was used for something else.
    #[error(transparent)]
    KeyReused(#[from] KeyReused),
    /// A document is not at the version that was read.
    #[error("document {key:?} of view {view:?} was changed by another writer since it was read")]
    DocumentConflict {
        /// The view.
        view: String,
        /// The document.
        key: String,
    },
    /// Another runner has claimed the partition since: nothing of this transaction may stay.
    #[error("subscription {subscription:?} was claimed by another runner on {partition}")]
    Fenced {
        /// The subscription.
        subscription: String,
        /// The partition.
        partition: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
