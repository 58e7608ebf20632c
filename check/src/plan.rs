//! How long a run takes, and how many writers and readers it has.

use std::time::Duration;

/// The size of a run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The run stops after this many acknowledged appends.
    pub commits: u64,
    /// The run stops after this time, if that is earlier.
    pub time_limit: Option<Duration>,
    /// The number of concurrent writers.
    pub writers: u16,
    /// The number of concurrent readers of the log.
    pub readers: u16,
    /// Further writers that wait for seconds between an append and its commit.
    pub slow_writers: u16,
    /// The seed of the random choices. The timing of two runs with the same seed still differs.
    pub seed: u64,
    /// Whether to print a line of progress every few seconds.
    pub progress: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            commits: 100_000,
            time_limit: None,
            writers: 16,
            readers: 5,
            slow_writers: 1,
            seed: fastrand::u64(..),
            progress: false,
        }
    }
}
