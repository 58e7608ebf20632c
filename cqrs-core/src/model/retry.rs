//! The wait before the next attempt.

use std::time::Duration;

/// Exponential back-off with full jitter: the n-th wait is a random time up to `base * 2^(n-1)`, at most `longest`.
///
/// Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
///
/// ```
/// # use cqrs_core::RetryPolicy;
/// let patient = RetryPolicy::default().attempts(20);
/// assert!(patient.wait(19).is_some());
/// assert_eq!(patient.wait(20), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// The maximum number of attempts, including the first.
    pub attempts: u32,
    /// The upper limit of the first wait.
    pub base: Duration,
    /// The upper limit of every wait.
    pub longest: Duration,
}

impl RetryPolicy {
    /// One attempt.
    pub const NEVER: Self = Self {
        attempts: 1,
        base: Duration::ZERO,
        longest: Duration::ZERO,
    };

    /// Unlimited attempts, for operations that a service needs to continue.
    pub(crate) const ALWAYS: Self = Self {
        attempts: u32::MAX,
        base: Duration::from_millis(5),
        longest: Duration::from_secs(5),
    };

    /// Sets the maximum number of attempts, including the first.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets the upper limit of the first wait.
    #[must_use]
    pub const fn base(mut self, base: Duration) -> Self {
        self.base = base;
        self
    }

    /// Sets the upper limit of every wait.
    #[must_use]
    pub const fn longest(mut self, longest: Duration) -> Self {
        self.longest = longest;
        self
    }

    /// The wait after `failures` failed attempts, or `None` when no attempt is left.
    #[must_use]
    pub fn wait(self, failures: u32) -> Option<Duration> {
        if failures >= self.attempts {
            return None;
        }
        let ceiling = self
            .base
            .saturating_mul(1 << failures.saturating_sub(1).min(20))
            .min(self.longest);
        Some(ceiling.mul_f64(fastrand::f64()))
    }
}

/// Ten attempts, with waits of up to 1 ms at first and up to 100 ms later: for conflicts between commands.
impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 10,
            base: Duration::from_millis(1),
            longest: Duration::from_millis(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_the_longest_and_end_with_the_attempts() {
        let policy = RetryPolicy::default();
        assert!((1..10).all(|failures| {
            policy
                .wait(failures)
                .is_some_and(|wait| wait <= policy.longest)
        }));
        assert!(policy.wait(1).is_some_and(|wait| wait <= policy.base));
        assert_eq!(policy.wait(10), None);
        assert_eq!(RetryPolicy::NEVER.wait(1), None);
        assert!(RetryPolicy::ALWAYS.wait(u32::MAX - 1).is_some());
    }
}
