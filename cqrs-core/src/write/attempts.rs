//! The attempts at one request: limits retries, and handles attempts with an unknown outcome.

use crate::{
    model::{Idempotency, RetryPolicy},
    ports::{Appended, EventStore, LookupError, StoreError, StoreErrorKind},
    write::error::ExecuteError,
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

    /// Waits before the next attempt, if one can help. Otherwise returns the error.
    pub(crate) async fn retry<E: std::error::Error + 'static>(
        &mut self,
        error: ExecuteError<E>,
    ) -> Result<(), ExecuteError<E>> {
        match error {
            ExecuteError::Conflict(_) if self.pause().await => Ok(()),
            ExecuteError::Store(error) => Ok(self.settle(error).await?),
            error => Err(error),
        }
    }

    /// Waits before the next attempt. `false`: no attempt is left.
    async fn pause(&mut self) -> bool {
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
    async fn settle(&mut self, error: StoreError) -> Result<(), StoreError> {
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

/// The appends of an earlier execution of this request under its key.
///
/// **Invariant**: a rejection counts only if there are none, since the first execution may be the reason for the rejection.
pub(crate) async fn executed_before(
    store: &impl EventStore,
    idempotency: Option<&Idempotency>,
) -> Result<Option<Vec<Appended>>, LookupError> {
    match idempotency {
        Some(idempotency) => store.appended_under(idempotency).await,
        None => Ok(None),
    }
}
