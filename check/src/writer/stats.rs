//! Counts of the writers' operations, by outcome.

use serde::Serialize;

/// Counts of the writers' operations, by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct WriterStats {
    /// Acknowledged appends, each in a transaction of its own.
    pub appends: u64,
    /// Acknowledged appends under a key, each sent at least twice.
    pub keyed: u64,
    /// Acknowledged units of work.
    pub units: u64,
    /// Units of work that were prepared, and ended by another session.
    pub prepared: u64,
    /// Appends under a key that were sent again, or looked up, later.
    pub repeats: u64,
    /// Appends that were rejected with a conflict.
    pub conflicts: u64,
    /// Transactions that were rolled back or dropped, and appends after a savepoint that were undone.
    pub rolled_back: u64,
    /// Appends that failed because the store was unavailable.
    pub unavailable: u64,
    /// Appends with an unknown outcome: the connection was lost, or the caller gave up.
    pub unknown: u64,
}

impl WriterStats {
    /// The sum of both.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            appends: self.appends + other.appends,
            keyed: self.keyed + other.keyed,
            units: self.units + other.units,
            prepared: self.prepared + other.prepared,
            repeats: self.repeats + other.repeats,
            conflicts: self.conflicts + other.conflicts,
            rolled_back: self.rolled_back + other.rolled_back,
            unavailable: self.unavailable + other.unavailable,
            unknown: self.unknown + other.unknown,
        }
    }
}
