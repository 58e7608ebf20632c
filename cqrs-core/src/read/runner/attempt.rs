//! How an attempt ended that did not handle its batch.

use crate::{
    ports::{BoxError, CommitError, SourceError, StoreError, StoreErrorKind},
    read::runner::error::RunnerErrorKind,
};

/// Why an attempt did not handle its batch.
pub(super) enum AttemptError {
    /// It may pass: roll back, wait, claim again.
    Retry(BoxError),
    /// Another attempt cannot change it.
    Stop(RunnerErrorKind),
}

impl From<SourceError> for AttemptError {
    fn from(error: SourceError) -> Self {
        if error.is_retryable() {
            Self::Retry(error.into())
        } else {
            Self::Stop(error.into())
        }
    }
}

/// After an unknown outcome the next claim shows what happened.
impl From<StoreError> for AttemptError {
    fn from(error: StoreError) -> Self {
        match error.kind() {
            StoreErrorKind::Unavailable | StoreErrorKind::OutcomeUnknown => {
                Self::Retry(error.into())
            }
            _ => Self::Stop(error.into()),
        }
    }
}

/// Conflicts and fences do not come again on fresh state.
impl From<CommitError> for AttemptError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(error) => error.into(),
            error => Self::Retry(error.into()),
        }
    }
}
