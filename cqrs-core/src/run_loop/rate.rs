//! How many events a loop handles in a second.

use std::time::Duration;

use tokio::time::Instant;

/// How long a window is. The rate is that of the current window and of the part of the one before that makes it as long.
const WINDOW: Duration = Duration::from_secs(10);

/// Counts the events of the last [`WINDOW`].
#[derive(Debug)]
pub(super) struct Rate {
    began: Instant,
    /// When the current window began.
    window: Instant,
    /// The events of the current window.
    now: u64,
    /// Those of the window before it.
    before: u64,
}

impl Rate {
    pub(super) fn new() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            window: now,
            now: 0,
            before: 0,
        }
    }

    pub(super) fn add(&mut self, events: u64) {
        let (window, now, before) = self.at(Instant::now());
        self.window = window;
        self.now = now.saturating_add(events);
        self.before = before;
    }

    pub(super) fn per_second(&self) -> f64 {
        let at = Instant::now();
        let (window, now, before) = self.at(at);
        let into = (at - window).as_secs_f64() / WINDOW.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate is no exact number")]
        let events = (before as f64).mul_add(1.0 - into, now as f64);
        let counted = (at - self.began).min(WINDOW);
        events / counted.max(Duration::from_secs(1)).as_secs_f64()
    }

    /// The window at a time, its events, and those of the one before.
    fn at(&self, at: Instant) -> (Instant, u64, u64) {
        let passed = at.saturating_duration_since(self.window);
        if passed < WINDOW {
            (self.window, self.now, self.before)
        } else if passed < WINDOW * 2 {
            (self.window + WINDOW, 0, self.now)
        } else {
            (at, 0, 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_that_of_the_last_ten_seconds() {
        let mut rate = Rate::new();
        assert!(rate.per_second().abs() < 0.01);
        for _ in 0..40 {
            tokio::time::advance(Duration::from_secs(1)).await;
            rate.add(100);
        }
        let steady = rate.per_second();
        assert!((steady - 100.0).abs() < 11.0, "{steady}");
        tokio::time::advance(Duration::from_secs(5)).await;
        let less = rate.per_second();
        assert!(less < steady && less > 0.0, "{less}");
        tokio::time::advance(Duration::from_secs(20)).await;
        assert!(rate.per_second().abs() < 0.01, "it stands still");
    }
}
