//! Versions, positions and slices: each number of an event log has its own type.

use std::fmt;

/// The number of events in a stream; also the place of an event in its stream, counted from 1. 0 is the empty stream.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(Debug, Default)] struct Account { cents: u64 }
/// # impl Aggregate for Account {
/// #     type Command = u64; type Event = AccountEvent; type Error = std::convert::Infallible;
/// #     fn handle(&self, cents: u64, _: &Context) -> Decision<Self> { Ok(vec![AccountEvent::Deposited { cents }]) }
/// #     fn apply(&mut self, AccountEvent::Deposited { cents }: AccountEvent) { self.cents += cents }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// # let accounts = store.repository::<Account>();
/// # accounts.execute("ann", 200).await?;
/// # accounts.execute("ann", 300).await?;
/// let seen = Version::new(1);
/// // Read only the events after version 1.
/// let events = store.read_stream(&StreamId::of::<AccountEvent>("ann")?, seen).await?;
/// assert_eq!(events[0].version, seen.plus(1));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u64);

impl Version {
    /// The version of a stream without events.
    pub const EMPTY: Self = Self(0);

    /// The version after `count` events.
    #[must_use]
    pub const fn new(count: u64) -> Self {
        Self(count)
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The version after `count` more events.
    #[must_use]
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The place of an event in the whole log. Positions rise and may have gaps. 0 is before the first event.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(Debug, Default)] struct Account { cents: u64 }
/// # impl Aggregate for Account {
/// #     type Command = u64; type Event = AccountEvent; type Error = std::convert::Infallible;
/// #     fn handle(&self, cents: u64, _: &Context) -> Decision<Self> { Ok(vec![AccountEvent::Deposited { cents }]) }
/// #     fn apply(&mut self, AccountEvent::Deposited { cents }: AccountEvent) { self.cents += cents }
/// # }
/// # async fn deposit<V: View>(
/// #     accounts: Repository<Account, MemoryEventStore>,
/// #     balances: ReadModel<V, MemoryEventStore>,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// let done = accounts.execute("ann", 500).await?;
/// let token = Position::from(&done).get(); // a number for the client
/// // The client sends it with its next query, which waits until the view has handled the deposit.
/// balances.wait_for(Position::new(token)).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(u64);

impl Position {
    /// Before the first event.
    pub const START: Self = Self(0);

    /// The position with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A half-open range of the 1,024 slices to which a stable hash assigns the streams.
///
/// An event never changes its slice, so the number of partitions of a log can change without touching events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slices {
    from: u16,
    to: u16,
}

impl Slices {
    /// The number of slices.
    pub const COUNT: u16 = 1024;
    /// Every slice.
    pub const ALL: Self = Self {
        from: 0,
        to: Self::COUNT,
    };

    /// The slices from `from` up to, and without, `to`; `None` if there is no such range.
    #[must_use]
    pub const fn new(from: u16, to: u16) -> Option<Self> {
        if from > to || to > Self::COUNT {
            return None;
        }
        Some(Self { from, to })
    }

    /// The `index`-th of `count` ranges of equal size (the last ones may be smaller or empty). A `count` of 0 counts as 1.
    #[must_use]
    pub fn part(index: u16, count: u16) -> Self {
        let size = Self::COUNT.div_ceil(count.max(1));
        let from = index.saturating_mul(size).min(Self::COUNT);
        Self {
            from,
            to: from.saturating_add(size).min(Self::COUNT),
        }
    }

    /// The first slice of the range.
    #[must_use]
    pub const fn from(self) -> u16 {
        self.from
    }

    /// The slice after the last one of the range.
    #[must_use]
    pub const fn to(self) -> u16 {
        self.to
    }

    /// Whether `slice` is in the range.
    #[must_use]
    pub const fn contains(self, slice: u16) -> bool {
        self.from <= slice && slice < self.to
    }
}

impl fmt::Display for Slices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slices {}..{}", self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_every_slice_once() {
        for count in [1, 2, 3, 4, 7, 64, 1024] {
            let owners = |slice| {
                (0..count)
                    .filter(|&index| Slices::part(index, count).contains(slice))
                    .count()
            };
            assert!(
                (0..Slices::COUNT).all(|slice| owners(slice) == 1),
                "{count} parts"
            );
        }
    }
}
