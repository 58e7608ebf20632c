//! Why a runner ended before it was asked to.

use std::{error::Error, fmt};

use crate::{
    codec::CodecError,
    model::PartitionId,
    ports::{BoxError, SourceError, StoreError},
};

/// Why a runner ended before it was asked to. The log and the checkpoints are as the last committed batch left them.
///
/// A runner ends only with what another attempt cannot change. [`chain`](crate::chain) prints it with its sources.
#[derive(Debug)]
#[non_exhaustive]
pub struct RunnerError {
    /// The subscription.
    pub subscription: String,
    /// What happened.
    pub kind: RunnerErrorKind,
}

impl RunnerError {
    pub(super) fn new(subscription: &str, kind: impl Into<RunnerErrorKind>) -> Self {
        Self {
            subscription: subscription.to_owned(),
            kind: kind.into(),
        }
    }
}

impl fmt::Display for RunnerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "subscription {:?} {}", self.subscription, self.kind)
    }
}

impl Error for RunnerError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.kind.source()
    }
}

/// What ended a runner.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerErrorKind {
    /// The role cannot be run: its events are not an externally tagged enum.
    #[error("cannot be run")]
    Role(#[from] CodecError),
    /// The source cannot be read on.
    #[error("cannot read on")]
    Source(#[from] SourceError),
    /// An event cannot be handled. Everything before it is committed; it comes again at the next start.
    #[error("stopped on {partition} before {event}")]
    Poison {
        /// The partition.
        partition: PartitionId,
        /// The event, in words.
        event: String,
        /// Why, and what to do.
        #[source]
        reason: BoxError,
    },
    /// The store rejects what it is asked, and would reject it again.
    #[error("cannot go on with its store")]
    Store(#[from] StoreError),
    /// The role panicked. Its batch was rolled back.
    #[error("panicked: {0}")]
    Panicked(String),
}
