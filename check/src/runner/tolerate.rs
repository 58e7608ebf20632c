//! Errors that the faults of a run explain.

use cqrs_core::{StoreError, StoreErrorKind};

use crate::error::CheckError;

/// The answer, or `None` if an ended session or a crash of the server explains the error.
pub(super) fn tolerate<T>(answer: Result<T, StoreError>) -> Result<Option<T>, CheckError> {
    let error = match answer {
        Ok(answer) => return Ok(Some(answer)),
        Err(error) => error,
    };
    if error.is_retryable() || error.kind() == StoreErrorKind::OutcomeUnknown {
        Ok(None)
    } else {
        Err(error.into())
    }
}
