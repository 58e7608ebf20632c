//! Consecutive failures of a loop: counts, logs and reports them, and computes the wait after each.

use std::{error::Error, time::Duration};

use tokio::time::Instant;

use crate::{
    model::{PartitionId, RetryPolicy, chain},
    run_loop::progress::ProgressReporter,
};

/// How long a loop may fail before that is a warning. An occasional conflict, fence or lost connection is harmless, and a
/// fast one fails often in a short time.
const HARMLESS: Duration = Duration::from_secs(5);

/// The runner or relay whose failures are counted.
#[derive(Debug, Clone)]
pub(crate) enum LoopName {
    Subscription(String),
    Relay(String),
}

impl LoopName {
    /// The name as a subscription, and as a relay: one of them.
    pub(crate) fn fields(&self) -> (Option<&str>, Option<&str>) {
        match self {
            Self::Subscription(name) => (Some(name), None),
            Self::Relay(name) => (None, Some(name)),
        }
    }
}

/// The failures since the last success.
#[derive(Debug)]
pub(crate) struct Retries {
    name: LoopName,
    /// The partition or shard; `None` for the whole loop.
    partition: Option<PartitionId>,
    failures: u32,
    /// When the first of them came.
    since: Option<Instant>,
    /// How long to wait; the number of attempts has no limit.
    waits: RetryPolicy,
    reporter: ProgressReporter,
}

impl Retries {
    pub(crate) fn new(
        name: LoopName,
        partition: Option<PartitionId>,
        reporter: ProgressReporter,
    ) -> Self {
        Self {
            name,
            partition,
            failures: 0,
            since: None,
            waits: RetryPolicy::ALWAYS,
            reporter,
        }
    }

    /// Waits as this policy does, without a limit for the number of attempts.
    #[must_use]
    pub(crate) fn waits(mut self, policy: RetryPolicy) -> Self {
        self.waits = policy.attempts(u32::MAX);
        self
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.since = None;
    }

    /// For how long there was no success; zero without a failure.
    pub(crate) fn failing(&self) -> Duration {
        self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Counts a failure, logs it with its sources and reports it. Returns the wait before the next attempt.
    pub(crate) fn failed(&mut self, error: &(dyn Error + 'static)) -> Duration {
        let wait = self.waiting(error);
        let failing = self.since.get_or_insert_with(Instant::now).elapsed();
        self.log(error, wait, failing);
        wait
    }

    /// Counts and reports a failure that somebody else logs. Returns the wait before the next attempt.
    pub(crate) fn waiting(&mut self, error: &(dyn Error + 'static)) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let policy = self.waits;
        self.since.get_or_insert_with(Instant::now);
        self.reporter.retrying(self.partition.as_ref(), error);
        policy.wait(self.failures).unwrap_or(policy.longest)
    }

    fn log(&self, error: &(dyn Error + 'static), wait: Duration, failing: Duration) {
        let (subscription, relay) = self.name.fields();
        let partition = self.partition.as_ref().map(tracing::field::display);
        let failures = self.failures;
        let error = chain(error);
        if failing < HARMLESS {
            tracing::debug!(subscription, relay, partition, failures, ?failing, ?wait, %error, "trying again");
        } else {
            tracing::warn!(subscription, relay, partition, failures, ?failing, ?wait, %error, "trying again");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fmt,
        sync::{Arc, Mutex},
    };

    use tracing::{
        Event, Level, Metadata, Subscriber,
        field::{Field, Visit},
        span::{Attributes, Id, Record},
    };

    use super::*;

    /// Keeps the level of each event, and how many failures it names.
    #[derive(Debug, Clone, Default)]
    struct Lines(Arc<Mutex<Vec<(Level, u64)>>>);

    struct Failures(u64);

    impl Visit for Failures {
        fn record_u64(&mut self, field: &Field, value: u64) {
            if field.name() == "failures" {
                self.0 = value;
            }
        }

        fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
    }

    impl Subscriber for Lines {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            let mut failures = Failures(0);
            event.record(&mut failures);
            let line = (*event.metadata().level(), failures.0);
            self.0.lock().expect("no panic").push(line);
        }

        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_fails_for_5_s_is_a_warning() {
        let lines = Lines::default();
        let _guard = tracing::subscriber::set_default(lines.clone());
        let name = LoopName::Relay("relay".to_owned());
        let mut retries = Retries::new(name, None, ProgressReporter::default());
        let error = std::io::Error::other("no route");
        let fail = |retries: &mut Retries| {
            retries.failed(&error);
            lines.0.lock().expect("no panic").pop().expect("a line")
        };
        for failures in 1..=100 {
            assert_eq!(
                fail(&mut retries),
                (Level::DEBUG, failures),
                "fast failures"
            );
        }
        tokio::time::advance(HARMLESS - Duration::from_millis(1)).await;
        assert_eq!(fail(&mut retries), (Level::DEBUG, 101));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(fail(&mut retries), (Level::WARN, 102));
        retries.succeeded();
        assert_eq!(fail(&mut retries), (Level::DEBUG, 1), "a success ends it");
        tokio::time::advance(HARMLESS).await;
        assert_eq!(fail(&mut retries), (Level::WARN, 2));
    }
}
