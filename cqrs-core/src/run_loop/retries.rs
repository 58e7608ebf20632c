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

/// The failures since the last success.
#[derive(Debug)]
pub(crate) struct Retries {
    name: LoopName,
    /// The partition or shard; `None` for the whole loop.
    partition: Option<PartitionId>,
    failures: u32,
    /// When the first of them came.
    since: Option<Instant>,
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
            reporter,
        }
    }

    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
        self.since = None;
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
        let policy = RetryPolicy::ALWAYS;
        self.since.get_or_insert_with(Instant::now);
        self.reporter.retrying(self.partition.as_ref(), error);
        policy.wait(self.failures).unwrap_or(policy.longest)
    }

    fn log(&self, error: &(dyn Error + 'static), wait: Duration, failing: Duration) {
        let (subscription, relay) = match &self.name {
            LoopName::Subscription(name) => (Some(name.as_str()), None),
            LoopName::Relay(name) => (None, Some(name.as_str())),
        };
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
