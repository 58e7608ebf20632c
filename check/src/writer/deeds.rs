//! What writers did, and what was answered, in numbers.

use serde::Serialize;

/// What writers did, and what was answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Deeds {
    /// Acknowledged appends, each in a transaction of its own.
    pub appends: u64,
    /// Acknowledged appends under a key, each sent at least twice.
    pub keyed: u64,
    /// Acknowledged units of work.
    pub units: u64,
    /// Units of work that were prepared, and ended by another session.
    pub prepared: u64,
    /// Appends under a key that were sent, or asked for, again later.
    pub repeats: u64,
    /// Appends refused because a stream was not as expected.
    pub conflicts: u64,
    /// Transactions that were rolled back or dropped, and appends behind a savepoint that was gone back to.
    pub rolled_back: u64,
    /// Appends that the store could not do, and said so.
    pub unavailable: u64,
    /// Appends whose outcome was not told: the connection broke, or the caller gave up.
    pub unknown: u64,
}

impl Deeds {
    /// Both together.
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
