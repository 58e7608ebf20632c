//! The error of a relay.

use std::{error::Error, fmt};

use crate::ports::{LogReplaced, PublishError, StoreError};

/// A relay that ended before it was stopped. No event is lost: the next start continues after the last published event.
///
/// A relay ends only with failures that a retry cannot fix. [`chain`](crate::chain) prints it with its sources.
///
/// ```
/// # use cqrs_core::{chain, relay::{RelayError, RelayErrorKind}};
/// fn report(error: &RelayError) {
///     eprintln!("{}", chain(error));
///     if let RelayErrorKind::LogReplaced(_) = error.kind {
///         eprintln!("was the database of {} restored?", error.relay);
///     }
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct RelayError {
    /// The relay.
    pub relay: String,
    /// The kind of failure.
    pub kind: RelayErrorKind,
}

impl RelayError {
    /// The error of this relay.
    #[must_use]
    pub fn new(relay: &str, kind: impl Into<RelayErrorKind>) -> Self {
        Self {
            relay: relay.to_owned(),
            kind: kind.into(),
        }
    }
}

impl fmt::Display for RelayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "relay {:?} {}", self.relay, self.kind)
    }
}

impl Error for RelayError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.kind.source()
    }
}

/// The kind of failure that ended a relay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayErrorKind {
    /// The publisher failed.
    #[error("cannot publish")]
    Publish(#[from] PublishError),
    /// The store cannot be read.
    #[error("cannot read its store")]
    Store(#[from] StoreError),
    /// The log is not the one whose events the relay has published so far.
    #[error(
        "cannot continue in this log: it was restored, or has lost commits. What was published of the lost part stays in the \
         topics. Call Relay::recover once: the relay then publishes what the topics lack"
    )]
    LogReplaced(#[from] LogReplaced),
    /// The relay panicked.
    #[error("panicked: {0}")]
    Panicked(String),
}

impl RelayErrorKind {
    /// Whether another session of the relay was opened since.
    pub(super) fn is_fenced(&self) -> bool {
        matches!(self, Self::Publish(PublishError::Fenced))
    }

    /// Whether another attempt may succeed without a change.
    pub(super) fn is_retryable(&self) -> bool {
        match self {
            Self::Publish(error) => error.is_retryable(),
            Self::Store(error) => error.is_retryable(),
            Self::LogReplaced(_) | Self::Panicked(_) => false,
        }
    }
}
