//! How long, how many, and with which dice.

use std::time::Duration;

/// What a run is to be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Ends after so many acknowledged appends.
    pub commits: u64,
    /// Ends after this time, if that comes first.
    pub at_most: Option<Duration>,
    /// So many write at once.
    pub writers: u16,
    /// So many follow the log at once.
    pub readers: u16,
    /// So many writers sit on what they have appended for seconds, now and then.
    pub sitters: u16,
    /// The dice. The same seed makes the same choices; what comes of them depends on the hour.
    pub seed: u64,
    /// Where a line is printed every few seconds.
    pub progress: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            commits: 100_000,
            at_most: None,
            writers: 16,
            readers: 5,
            sitters: 1,
            seed: fastrand::u64(..),
            progress: false,
        }
    }
}
