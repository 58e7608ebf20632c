//! The attempts at one request: how often a conflict is retried, and what an unknown outcome means for the next attempt.

use crate::{
    model::RetryPolicy,
    ports::{StoreError, StoreErrorKind},
};

/// Counts the failed attempts at one request.
#[derive(Debug)]
pub(crate) struct Attempts {
    policy: RetryPolicy,
    /// The request has an idempotency key, so that a repeat is safe after an unknown outcome.
    keyed: bool,
    failures: u32,
    /// An attempt may have been stored, and no later answer has settled it.
    unknown: Option<StoreError>,
}

impl Attempts {
    pub(crate) fn new(policy: RetryPolicy, keyed: bool) -> Self {
        Self {
            policy,
            keyed,
            failures: 0,
            unknown: None,
        }
    }

    /// Waits before the next attempt. `false`: there is to be none.
    pub(crate) async fn pause(&mut self) -> bool {
        self.failures += 1;
        let Some(wait) = self.policy.wait(self.failures) else {
            return false;
        };
        tokio::time::sleep(wait).await;
        true
    }

    /// Waits for another attempt if that can settle the outcome: under a key the next attempt finds out what became of
    /// this one.
    ///
    /// **Invariant**: an error never says that nothing was stored while an earlier attempt may have been.
    pub(crate) async fn settle(&mut self, error: StoreError) -> Result<(), StoreError> {
        let lost = error.kind() == StoreErrorKind::OutcomeUnknown;
        let later = self.unknown.is_some() && error.is_retryable();
        let error = self.unknown.take().unwrap_or(error);
        let settles = self.keyed && (lost || later);
        if !settles || !self.pause().await {
            return Err(error);
        }
        self.unknown = Some(error);
        Ok(())
    }
}
