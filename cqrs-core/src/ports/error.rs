//! The errors of the ports. Each variant calls for a different reaction of the caller.

use std::{any::type_name, fmt, sync::Arc};

use crate::{
    codec::CodecError,
    model::{Conflict, InvalidName, KeyReused, PartitionId, RecordedEvent},
};

/// Any error, used as a source.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The kind of a store's failure: it determines what the caller can do.
///
/// ```
/// # use cqrs_core::{StoreError, StoreErrorKind};
/// fn http_status(error: &StoreError) -> u16 {
///     match error.kind() {
///         StoreErrorKind::InvalidInput => 400,
///         StoreErrorKind::Unavailable => 503, // try again later
///         _ => 500,
///     }
/// }
/// # assert_eq!(http_status(&StoreError::new(StoreErrorKind::Unavailable, "the pool is empty")), 503);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store cannot be reached or is too busy. Nothing was written; a retry may succeed.
    Unavailable,
    /// The connection broke during a commit, which may or may not have happened. Read before you continue.
    OutcomeUnknown,
    /// The input can never be stored: a name is too long, a payload cannot be encoded.
    InvalidInput,
    /// A stored event or document cannot be decoded as the requested type.
    Undecodable,
    /// Newer code wrote a stored event: this code does not know its schema version. Deploy the newer code here, too.
    NewerEvent,
    /// The store is not installed, or was installed by a newer version or another build of its crate.
    Schema,
    /// The store's settings would break its guarantees.
    Misconfigured,
    /// Anything else.
    Other,
}

/// A failure of the store. [`kind`](Self::kind) determines what the caller can do; the source is the driver's error.
///
/// The message does not repeat the source: print both with [`chain`](crate::chain).
///
/// ```
/// # use cqrs_core::{StoreErrorKind, chain, prelude::*};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(Debug, Default)] struct Account { cents: u64 }
/// # impl Aggregate for Account {
/// #     type Command = u64; type Event = AccountEvent; type Error = std::convert::Infallible;
/// #     fn handle(&self, cents: u64, _: &Context) -> Decision<Self> { Ok(vec![AccountEvent::Deposited { cents }]) }
/// #     fn apply(&mut self, AccountEvent::Deposited { cents }: AccountEvent) { self.cents += cents }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let accounts = MemoryEventStore::default().repository::<Account>();
/// let error = accounts.load("").await.unwrap_err();
/// assert_eq!(error.kind(), StoreErrorKind::InvalidInput);
/// assert!(!error.is_retryable());
/// assert_eq!(chain(&error).to_string(), "the name is not valid: stream id \"\" is empty; give it 1 to 255 bytes");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// A failure of this kind. The message says what failed, where, and how to fix it.
    #[must_use]
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// The same failure with its cause as the source.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(Arc::from(source.into()));
        self
    }

    /// The stored event cannot be read as an `E`: [`NewerEvent`](StoreErrorKind::NewerEvent) or
    /// [`Undecodable`](StoreErrorKind::Undecodable).
    #[must_use]
    pub fn undecodable<E>(recorded: &RecordedEvent, error: CodecError) -> Self {
        Self::unreadable::<E>(&recorded.to_string(), error)
    }

    /// An event, described by `event`, cannot be read as an `E`.
    pub(crate) fn unreadable<E>(event: &str, error: CodecError) -> Self {
        let reader = type_name::<E>();
        if matches!(error, CodecError::NewerVersion { .. }) {
            let message =
                format!("{event} cannot be read as `{reader}` by this version of the code");
            return Self::new(StoreErrorKind::NewerEvent, message).caused_by(error);
        }
        let message = format!(
            "{event} cannot be read as `{reader}`; give the enum the variant and fields it was written with, or \
             an upcaster to them. Only a view, reactor or projection that does not need the event may read a PARTIAL enum: an \
             aggregate reads every event"
        );
        Self::new(StoreErrorKind::Undecodable, message).caused_by(error)
    }

    /// The kind of failure.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether the same call may succeed later. `false` after an unknown outcome: read first.
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
        Self::new(StoreErrorKind::InvalidInput, "the event cannot be stored").caused_by(error)
    }
}

impl From<InvalidName> for StoreError {
    fn from(error: InvalidName) -> Self {
        Self::new(StoreErrorKind::InvalidInput, "the name is not valid").caused_by(error)
    }
}

/// Another writer changed the document since it was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("document {key:?} of view {view:?} was changed by another writer since it was read")]
#[non_exhaustive]
pub struct DocumentConflict {
    /// The view.
    pub view: String,
    /// The document.
    pub key: String,
}

impl DocumentConflict {
    /// The document under `key` of `view` was changed.
    #[must_use]
    pub fn new(view: impl Into<String>, key: impl Into<String>) -> Self {
        Self {
            view: view.into(),
            key: key.into(),
        }
    }
}

/// Another runner claimed the partition, or its checkpoint is not where the runner left it: it was reset, or the store lost
/// commits. The transaction must be rolled back. Claim again and continue at the stored checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "subscription {subscription:?} was claimed by another runner on {partition}, or its checkpoint was moved"
)]
#[non_exhaustive]
pub struct Fenced {
    /// The subscription.
    pub subscription: String,
    /// The partition.
    pub partition: PartitionId,
}

impl Fenced {
    /// `partition` of `subscription` was claimed by another runner.
    #[must_use]
    pub fn new(subscription: impl Into<String>, partition: PartitionId) -> Self {
        Self {
            subscription: subscription.into(),
            partition,
        }
    }
}

/// An append that failed.
///
/// ```
/// # use cqrs_core::{ports::{Append, AppendError}, prelude::*};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// # let append = Append::of("ann", ExpectedVersion::StreamExists, &[AccountEvent::Deposited { cents: 500 }])?;
/// match store.append(append).await {
///     Ok(appended) => println!("appended, now at version {}", appended.version),
///     Err(AppendError::Conflict(conflict)) => println!("read the stream and decide again: {conflict}"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// A stream is not at the expected version.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The idempotency key was used for another command.
    #[error(transparent)]
    KeyReused(#[from] KeyReused),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A lookup of an idempotency key that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The idempotency key was used for another command.
    #[error(transparent)]
    KeyReused(#[from] KeyReused),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LookupError> for AppendError {
    fn from(error: LookupError) -> Self {
        match error {
            LookupError::KeyReused(reused) => Self::KeyReused(reused),
            LookupError::Store(error) => Self::Store(error),
        }
    }
}

/// Documents that could not be saved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SaveError {
    /// A document is not at the version that was read.
    #[error(transparent)]
    Conflict(#[from] DocumentConflict),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A checkpoint that could not be moved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdvanceError {
    /// Another runner claimed the partition.
    #[error(transparent)]
    Fenced(#[from] Fenced),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A transaction that was not committed. A store without locks detects the conflicts of earlier steps only at commit, so
/// the error of each step converts into this one.
///
/// ```
/// # use cqrs_core::{ports::{Append, CommitError, UnitOfWork}, prelude::*};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Opened }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// # let open = Append::of("ann", ExpectedVersion::NoStream, &[AccountEvent::Opened])?;
/// let mut transaction = store.begin().await?;
/// store.append_in(&mut transaction, open.clone().into()).await?;
/// store.append(open).await?; // another writer is faster
///
/// let committed = store.commit(transaction).await;
/// assert!(matches!(committed, Err(CommitError::Conflict(_))));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// A stream is not at the expected version.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The idempotency key was used for another command.
    #[error(transparent)]
    KeyReused(#[from] KeyReused),
    /// A document is not at the version that was read.
    #[error(transparent)]
    DocumentConflict(#[from] DocumentConflict),
    /// Another runner claimed the partition.
    #[error(transparent)]
    Fenced(#[from] Fenced),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<AppendError> for CommitError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict(conflict) => Self::Conflict(conflict),
            AppendError::KeyReused(reused) => Self::KeyReused(reused),
            AppendError::Store(error) => Self::Store(error),
        }
    }
}

impl From<LookupError> for CommitError {
    fn from(error: LookupError) -> Self {
        AppendError::from(error).into()
    }
}

impl From<SaveError> for CommitError {
    fn from(error: SaveError) -> Self {
        match error {
            SaveError::Conflict(conflict) => Self::DocumentConflict(conflict),
            SaveError::Store(error) => Self::Store(error),
        }
    }
}

impl From<AdvanceError> for CommitError {
    fn from(error: AdvanceError) -> Self {
        match error {
            AdvanceError::Fenced(fenced) => Self::Fenced(fenced),
            AdvanceError::Store(error) => Self::Store(error),
        }
    }
}
