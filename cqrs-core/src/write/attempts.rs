//! The attempts at one request: limits retries, and handles attempts with an unknown outcome.

use crate::{
    model::RetryPolicy,
    ports::{StoreError, StoreErrorKind},
};

/// Counts the failed attempts at one request.
#[derive(Debug)]
pub(crate) struct Attempts {
    policy: RetryPolicy,
    /// Whether the request has an idempotency key, so that a repeat is safe after an unknown outcome.
    keyed: bool,
    failures: u32,
    /// The error of an attempt that may have been stored, until a later attempt finds out whether it was.
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

    /// Waits before the next attempt. `false`: no attempt is left.
    pub(crate) async fn pause(&mut self) -> bool {
        self.failures += 1;
        let Some(wait) = self.policy.wait(self.failures) else {
            return false;
        };
        tokio::time::sleep(wait).await;
        true
    }

    /// Waits before another attempt, if one can help: under an idempotency key the next attempt finds out whether this one
    /// was stored. Otherwise returns the error.
    ///
    /// **Invariant**: while an earlier attempt may have been stored, the error returned is of the kind `OutcomeUnknown`.
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
