//! What a role that only reads may not record.

use cqrs_core::{StoreError, StoreErrorKind};
use sqlx::Error;

use crate::error::{commit, is_missing_right};

/// Maps the error of a statement that records what a person does. A relay may run as a reader, and its operator then calls its
/// remedies as one.
pub(super) fn recorded(error: Error) -> StoreError {
    if !is_missing_right(&error) {
        return commit(error);
    }
    let message = "this role may only read, and the store records who changes something by hand; do it with a role that has \
                   Access::Service, or with the owner";
    StoreError::new(StoreErrorKind::Misconfigured, message).caused_by(error)
}
