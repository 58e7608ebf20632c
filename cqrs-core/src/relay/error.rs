//! Why a relay ended before it was asked to.

use std::{error::Error, fmt};

use crate::ports::{LogReplaced, PublishError, StoreError};

/// Why a relay ended before it was asked to. Nothing was lost: the next start goes on behind the last published event.
///
/// A relay ends only with what another attempt cannot change. [`chain`](crate::chain) prints it with its sources.
#[derive(Debug)]
#[non_exhaustive]
pub struct RelayError {
    /// The relay.
    pub relay: String,
    /// What happened.
    pub kind: RelayErrorKind,
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

/// What ended a relay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayErrorKind {
    /// The publisher cannot go on.
    #[error("cannot publish")]
    Publish(#[from] PublishError),
    /// The store cannot be read on.
    #[error("cannot read its store")]
    Store(#[from] StoreError),
    /// The log is not the one that was published so far.
    #[error(
        "cannot go on in another log; decide what consumers are to see, then start the relay under a new name and with \
         a new prefix"
    )]
    LogReplaced(#[from] LogReplaced),
    /// The relay panicked.
    #[error("panicked: {0}")]
    Panicked(String),
}
