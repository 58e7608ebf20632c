//! What a runner does about an event that its role cannot handle.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use crate::model::{FailureKind, RecordedEvent, RetryPolicy};

/// An event that a role could not handle. Everything before it is handled.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Failure<'a> {
    /// The event.
    pub event: &'a RecordedEvent,
    /// How it failed.
    pub kind: FailureKind,
    /// Why it failed.
    pub reason: &'a (dyn Error + Send + Sync + 'static),
    /// How often this runner has tried the event, from 1.
    pub attempts: u32,
}

/// What a runner does about an event that its role cannot handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorAction {
    /// Waits, then tries the event again. Everything behind it in its partition waits, too.
    Retry,
    /// Parks the [ordering key](crate::read::Handler::ordering_key) of the event, by default its stream: the later events of the key wait,
    /// and others go on. Each stream stays in order; the order between streams does not. [`ParkedKeys`](crate::read::ParkedKeys) shows
    /// what is parked, and redrives or discards it.
    Park,
    /// Passes over this event for good, and records it with the reason ([`Discards`](crate::ports::Discards)).
    Skip,
    /// Ends the runner with [`RunnerErrorKind::Poison`](crate::read::RunnerErrorKind::Poison), right before the event. For roles that need
    /// the order between streams.
    Stop,
}

type Decide = dyn Fn(&Failure<'_>) -> ErrorAction + Send + Sync;

/// The settings of a runner for failures.
#[derive(Clone)]
pub(super) struct FailurePolicy {
    /// `None`: retry, then park.
    pub(super) decide: Option<Arc<Decide>>,
    /// How often an event is tried by default, and how long a runner waits after a failure.
    pub(super) retry: RetryPolicy,
    /// The most parked keys of the subscription.
    pub(super) park_at_most: u64,
    /// How long a role may take for a batch.
    pub(super) batch_time: Duration,
}

impl Default for FailurePolicy {
    fn default() -> Self {
        Self {
            decide: None,
            retry: RetryPolicy::ALWAYS.attempts(5),
            park_at_most: 100,
            batch_time: Duration::from_secs(300),
        }
    }
}

impl FailurePolicy {
    /// What to do. Only what is kept can be parked or skipped: an event of the store's own log, or one of a topic whose source keeps its
    /// record. Otherwise the runner stops at once, unless the user's function returns `Retry`.
    pub(super) fn action(&self, failure: &Failure<'_>, is_kept: bool) -> ErrorAction {
        let action = match &self.decide {
            Some(decide) => decide(failure),
            None if is_kept => self.by_default(failure),
            None => ErrorAction::Stop,
        };
        match action {
            ErrorAction::Park | ErrorAction::Skip if !is_kept => ErrorAction::Stop,
            action => action,
        }
    }

    /// The same code decodes an event no better the next time.
    fn by_default(&self, failure: &Failure<'_>) -> ErrorAction {
        if failure.kind == FailureKind::Undecodable || failure.attempts >= self.retry.attempts {
            ErrorAction::Park
        } else {
            ErrorAction::Retry
        }
    }

    /// The wait before the next attempt.
    pub(super) fn wait(&self, attempts: u32) -> Duration {
        let waits = self.retry.attempts(u32::MAX);
        waits.wait(attempts).unwrap_or(waits.longest)
    }
}

impl fmt::Debug for FailurePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailurePolicy")
            .field("decides", &self.decide.is_some())
            .field("retry", &self.retry)
            .field("park_at_most", &self.park_at_most)
            .field("batch_time", &self.batch_time)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Category, EventId, Position, StreamId, Version};

    fn actions(policy: &FailurePolicy, is_kept: bool, kind: FailureKind) -> Vec<ErrorAction> {
        let stream = StreamId::new(Category::new("account").expect("valid"), "ann").expect("valid");
        let (id, now) = (EventId::random(), std::time::SystemTime::now());
        let place = (Version::new(1), Position::new(1));
        let event = RecordedEvent::new(id, stream, place.0, place.1, "Opened", "{}", now);
        let reason = std::io::Error::other("planted");
        let failure = |attempts| Failure {
            event: &event,
            kind,
            reason: &reason,
            attempts,
        };
        let actions = (1..4).map(|attempts| policy.action(&failure(attempts), is_kept));
        actions.collect()
    }

    #[test]
    fn an_event_is_retried_then_parked_and_what_is_not_kept_stops() {
        use ErrorAction::{Park, Retry, Stop};
        let mut policy = FailurePolicy::default();
        policy.retry = policy.retry.attempts(3);
        let refused = FailureKind::Refused;
        assert_eq!(actions(&policy, true, refused), [Retry, Retry, Park]);
        let undecodable = FailureKind::Undecodable;
        assert_eq!(actions(&policy, true, undecodable), [Park, Park, Park]);
        assert_eq!(actions(&policy, false, refused), [Stop, Stop, Stop]);
        for (told, not_kept) in [(ErrorAction::Skip, Stop), (Park, Stop), (Retry, Retry)] {
            policy.decide = Some(Arc::new(move |_| told));
            assert_eq!(actions(&policy, true, refused), [told; 3]);
            assert_eq!(actions(&policy, false, refused), [not_kept; 3]);
        }
    }
}
