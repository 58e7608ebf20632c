//! A failed attempt to handle a batch.

use crate::{
    model::{Claim, EventId, FailureKind, OrderingKey, RecordedEvent},
    ports::{
        AdvanceError, BoxError, CommitError, SourceError, StoreError, StoreErrorKind, TopicRecord,
    },
    read::runner::error::RunnerErrorKind,
};

/// A failed attempt to handle a batch.
pub(super) enum AttemptError {
    /// A temporary failure: roll back, wait and claim again.
    Retry(BoxError),
    /// A failure that depends on the batch: roll back and claim again at once, with a smaller batch.
    Smaller(BoxError),
    /// Newer code wrote the next event: roll back, wait and claim again.
    NewerEvent(StoreError),
    /// The next event cannot be handled.
    Failing(Box<Failing>),
    /// A retry cannot fix it.
    Stop(RunnerErrorKind),
}

/// An event that cannot be handled, or a record that is no event, with the claim right before it.
pub(super) struct Failing {
    pub(super) claim: Claim,
    pub(super) key: OrderingKey,
    /// For a record that is no event, what stands for it.
    pub(super) event: RecordedEvent,
    pub(super) is_event: bool,
    /// Its record, if it is of a topic and was kept.
    pub(super) record: Option<TopicRecord>,
    pub(super) kind: FailureKind,
    pub(super) reason: BoxError,
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

/// After an unknown outcome, the next claim shows whether the batch was committed.
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

/// Conflicts and fences are retried on fresh state.
impl From<CommitError> for AttemptError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(error) => error.into(),
            error => Self::Retry(error.into()),
        }
    }
}

impl From<AdvanceError> for AttemptError {
    fn from(error: AdvanceError) -> Self {
        CommitError::from(error).into()
    }
}

/// How often a worker has tried an event.
#[derive(Debug, Default)]
pub(super) struct Attempts(Option<(EventId, u32)>);

impl Attempts {
    /// Counts one more.
    pub(super) fn next(&mut self, event: EventId) -> u32 {
        let before = match self.0 {
            Some((last, attempts)) if last == event => attempts,
            _ => 0,
        };
        self.0 = Some((event, before.saturating_add(1)));
        before.saturating_add(1)
    }
}
