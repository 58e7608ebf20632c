//! What was done to the processes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use serde::Serialize;

/// What was done to the processes and their subscription.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RunnerCounts {
    /// Processes that were killed.
    pub kills: u64,
    /// Processes that were stopped and continued.
    pub stops: u64,
    /// Those of them that were stopped for longer than their lease.
    pub beyond_lease: u64,
    /// Sessions of the store that were ended.
    pub sessions_ended: u64,
    /// Crashes of the server.
    pub crashes: u64,
    /// Changes of the number of partitions.
    pub repartitions: u64,
    /// Events that were parked.
    pub parked: u64,
    /// Redrives that were asked for, also those that had to fail again.
    pub redriven: u64,
    /// Processes that ended by themselves, which none may.
    pub ended: u64,
}

/// The counts of a run that goes on. The rest is counted at its end.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) kills: AtomicU64,
    pub(super) stops: AtomicU64,
    pub(super) beyond_lease: AtomicU64,
    pub(super) repartitions: AtomicU64,
    pub(super) redriven: AtomicU64,
    pub(super) ended: AtomicU64,
}

impl Counters {
    pub(super) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }

    pub(super) fn read(&self) -> RunnerCounts {
        RunnerCounts {
            kills: self.kills.load(Relaxed),
            stops: self.stops.load(Relaxed),
            beyond_lease: self.beyond_lease.load(Relaxed),
            repartitions: self.repartitions.load(Relaxed),
            redriven: self.redriven.load(Relaxed),
            ended: self.ended.load(Relaxed),
            ..RunnerCounts::default()
        }
    }
}
