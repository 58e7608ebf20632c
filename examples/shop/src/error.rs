//! What failed, and where. No code depends on the kind of an error, so one type is enough.

use cqrs_core::{chain, ports::BoxError};

/// A failure, and the place where it happened.
#[derive(Debug, thiserror::Error)]
#[error("{place}: {reason}")]
pub struct ShopError {
    place: String,
    reason: String,
}

/// Says where a failure happened.
pub trait ErrorContext<T> {
    /// Adds the place to the error.
    fn context(self, place: impl Into<String>) -> Result<T, ShopError>;
}

impl<T, E: Into<BoxError>> ErrorContext<T> for Result<T, E> {
    fn context(self, place: impl Into<String>) -> Result<T, ShopError> {
        self.map_err(|error| ShopError::new(place, &chain(&*error.into()).to_string()))
    }
}

impl ShopError {
    /// A failure at this place.
    pub fn new(place: impl Into<String>, reason: &str) -> Self {
        let (place, reason) = (place.into(), reason.to_owned());
        Self { place, reason }
    }
}
