//! A batch that was not committed, and the event that it failed at.

use std::time::Duration;

use super::{attempt::AttemptError, batch_limit::BatchLimit, caught::Panicked};
use crate::{
    model::{EventId, FailureKind, RecordedEvent},
    ports::{BoxError, CommitError, StoreError, StoreErrorKind},
    roles::HandlerError,
};

/// A batch that was not committed.
pub(super) enum BatchError {
    Write(CommitError),
    /// An event of the batch cannot be handled; `None`: nobody said which.
    Failed(Option<EventId>, FailureKind, BoxError),
    /// Newer code wrote an event of the batch.
    NewerEvent(Option<EventId>, StoreError),
}

impl BatchError {
    /// Whether a smaller batch may succeed: within a time limit of the store, for example.
    fn may_be_too_large(&self) -> bool {
        matches!(self, Self::Write(CommitError::Store(error))
            if matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::OutcomeUnknown))
    }
}

impl From<HandlerError> for BatchError {
    fn from(error: HandlerError) -> Self {
        match error {
            HandlerError::Write(error) => Self::Write(error),
            HandlerError::Poison { event, reason } => {
                Self::Failed(Some(event), FailureKind::Refused, reason)
            }
            HandlerError::Undecodable { event, error } => {
                Self::Failed(Some(event), FailureKind::Undecodable, error.into())
            }
            HandlerError::NewerEvent { event, error } => Self::NewerEvent(Some(event), error),
        }
    }
}

impl From<Panicked> for BatchError {
    fn from(panic: Panicked) -> Self {
        Self::Failed(None, FailureKind::Panicked, panic.into())
    }
}

impl From<TimedOut> for BatchError {
    fn from(error: TimedOut) -> Self {
        Self::Failed(None, FailureKind::TimedOut, error.into())
    }
}

impl<E: Into<CommitError>> From<E> for BatchError {
    fn from(error: E) -> Self {
        Self::Write(error.into())
    }
}

/// A role took too long for a batch.
#[derive(Debug, thiserror::Error)]
#[error("the role took longer than {} s", limit.as_secs_f64())]
pub(super) struct TimedOut {
    pub(super) limit: Duration,
}

/// Where a batch failed.
pub(super) enum Located {
    /// The next, smaller batch tells more.
    Smaller(BoxError),
    /// At its first event, which cannot be handled.
    First(FailureKind, BoxError),
    /// At its first event, which newer code wrote.
    Newer(StoreError),
    /// Not at an event.
    Elsewhere(AttemptError),
}

/// Why an event was not handled.
enum Cause {
    Failure(FailureKind, BoxError),
    Newer(StoreError),
}

/// Finds the event at which a batch failed: an error that names none halves the batch until one event is left.
///
/// `before_first` events of the batch, as it was read, are before the first of `events`, and were not given to the role. They are
/// committed first, so that the checkpoint is right before the event.
pub(super) fn locate(
    limit: &mut BatchLimit,
    events: &[RecordedEvent],
    before_first: usize,
    error: BatchError,
) -> Located {
    if error.may_be_too_large() {
        limit.halve(events.len());
    }
    let (event, cause) = match cause_of(error, events.is_empty()) {
        Ok(found) => found,
        Err(error) => return Located::Elsewhere(error),
    };
    let index = event.and_then(|event| events.iter().position(|recorded| recorded.id == event));
    let before = match index {
        Some(index) => before_first + index,
        None if limit.halve(events.len()) => return Located::Smaller(cause.into_error()),
        None => before_first,
    };
    if before == 0 {
        return match cause {
            Cause::Failure(kind, reason) => Located::First(kind, reason),
            Cause::Newer(error) => Located::Newer(error),
        };
    }
    limit.cut(before);
    let reason = cause.into_error();
    Located::Smaller(CutBefore { before, reason }.into())
}

/// The event that is named and why it failed, or a failure of something else.
fn cause_of(error: BatchError, is_empty: bool) -> Result<(Option<EventId>, Cause), AttemptError> {
    let error = match error {
        BatchError::Failed(event, kind, reason) => {
            return Ok((event, Cause::Failure(kind, reason)));
        }
        BatchError::NewerEvent(event, error) => return Ok((event, Cause::Newer(error))),
        BatchError::Write(CommitError::Store(error)) => error,
        BatchError::Write(error) => return Err(error.into()),
    };
    match error.kind() {
        StoreErrorKind::NewerEvent => Ok((None, Cause::Newer(error))),
        StoreErrorKind::Schema
        | StoreErrorKind::Misconfigured
        | StoreErrorKind::Unavailable
        | StoreErrorKind::OutcomeUnknown => Err(error.into()),
        _ if is_empty => Err(error.into()),
        _ => Ok((None, Cause::Failure(FailureKind::Rejected, error.into()))),
    }
}

impl Cause {
    fn into_error(self) -> BoxError {
        match self {
            Self::Failure(_, reason) => reason,
            Self::Newer(error) => error.into(),
        }
    }
}

/// An event of the batch cannot be handled.
#[derive(Debug, thiserror::Error)]
#[error("an event cannot be handled; the {before} events before it are committed first")]
struct CutBefore {
    before: usize,
    #[source]
    reason: BoxError,
}
