//! The reason of a change by hand.

use crate::ports::error::{StoreError, StoreErrorKind};

/// Checks the reason of a change by hand, which the store records. Every store calls it before it changes anything.
///
/// # Errors
/// [`StoreErrorKind::InvalidInput`] when it says nothing.
pub fn check_reason(reason: &str) -> Result<(), StoreError> {
    if !reason.trim().is_empty() {
        return Ok(());
    }
    let message =
        "the reason is empty; say why, for those who read the record of the operation later";
    Err(StoreError::new(StoreErrorKind::InvalidInput, message))
}
