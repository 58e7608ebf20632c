//! Names that tell where they come from: an event's id names the run, the writer, its append and the event's place in it.
//!
//! So what was written and what was seen can be compared with a few bytes for each append, and an event that nobody of
//! this run has written is known at once.

use std::fmt;

use cqrs_core::{
    EventId, StreamId,
    model::{Category, Reads},
};
use uuid::Uuid;

/// A run of the checker: 48 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run(u64);

impl Run {
    const BITS: u32 = 48;

    /// A run with these bits; only the lowest 48 count.
    #[must_use]
    pub const fn new(bits: u64) -> Self {
        Self(bits & ((1 << Self::BITS) - 1))
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.0)
    }
}

/// Names an event within a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventNumber {
    /// Who wrote it. Below 4,096.
    pub writer: u16,
    /// The how manieth append of that writer, from 0.
    pub append: u32,
    /// The how manieth event of that append, from 0. Below 8.
    pub index: u8,
}

impl EventNumber {
    /// So many events an append has at most, so that a byte can say which of them were seen.
    pub const EVENTS_OF_AN_APPEND: u8 = 8;

    /// So many writers a run has at most.
    pub const WRITERS: u16 = 4_096;

    /// The id: a UUID of version 8, whose layout is the maker's own (RFC 9562, 5.8).
    #[must_use]
    pub fn id(self, run: Run) -> EventId {
        let run = u128::from(run.0) << 80;
        let writer = u128::from(self.writer & (Self::WRITERS - 1)) << 64;
        let rest = u128::from(self.index) << 32 | u128::from(self.append);
        let (version, variant) = (0x8_u128 << 76, 0b10_u128 << 62);
        EventId::from_uuid(Uuid::from_u128(run | version | writer | variant | rest))
    }

    /// What the id of an event says; `None` if it was not made by this run.
    #[must_use]
    pub fn of(id: EventId, run: Run) -> Option<Self> {
        let bits = id.as_uuid().as_u128();
        let number = Self {
            writer: u16::try_from((bits >> 64) & 0xfff).ok()?,
            append: u32::try_from(bits & 0xffff_ffff).ok()?,
            index: u8::try_from((bits >> 32) & 0xff).ok()?,
        };
        (number.index < Self::EVENTS_OF_AN_APPEND && number.id(run) == id).then_some(number)
    }

    /// This event's bit among those of its append.
    #[must_use]
    pub const fn bit(self) -> u8 {
        1 << self.index
    }
}

impl fmt::Display for EventNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            writer,
            append,
            index,
        } = self;
        write!(f, "event {index} of append {append} of writer {writer}")
    }
}

/// Names a stream of the run. The first ones are hot: everybody writes to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamNumber(pub u32);

/// The category of the hot streams.
pub(crate) const HOT: &str = "check-hot";
/// The category of all others.
pub(crate) const COLD: &str = "check-cold";

impl StreamNumber {
    /// So many streams are hot.
    pub const HOT: u32 = 128;

    /// Whether everybody writes to it.
    #[must_use]
    pub const fn is_hot(self) -> bool {
        self.0 < Self::HOT
    }

    /// Its name.
    ///
    /// # Panics
    /// Never: both categories and every number are valid names.
    #[must_use]
    pub fn id(self) -> StreamId {
        let category = Category::new(if self.is_hot() { HOT } else { COLD });
        StreamId::new(category.expect("a valid name"), self.0.to_string()).expect("a valid name")
    }

    /// The stream of this name; `None` if the run has none such.
    #[must_use]
    pub fn of(category: &str, id: &str) -> Option<Self> {
        let number = Self(id.parse().ok()?);
        (category == if number.is_hot() { HOT } else { COLD }).then_some(number)
    }

    /// As an index.
    #[must_use]
    pub fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// What a reader of the hot streams alone asks for.
pub(crate) const READS_HOT: &[Reads] = &[Reads {
    category: HOT,
    types: &[],
}];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_where_it_comes_from() {
        let run = Run::new(0x00ab_cdef_0123_4567_u64);
        for (writer, append, index) in [(0, 0, 0), (4_095, u32::MAX, 7), (17, 1_000_000, 2)] {
            let number = EventNumber {
                writer,
                append,
                index,
            };
            assert_eq!(EventNumber::of(number.id(run), run), Some(number));
            assert_eq!(EventNumber::of(number.id(run), Run::new(1)), None);
        }
        assert_eq!(EventNumber::of(EventId::random(), run), None);
    }

    #[test]
    fn a_stream_is_known_by_its_name() {
        for number in [0, 127, 128, u32::MAX].map(StreamNumber) {
            let id = number.id();
            assert_eq!(
                StreamNumber::of(id.category().as_str(), id.id()),
                Some(number)
            );
        }
        assert_eq!(StreamNumber::of(COLD, "1"), None);
        assert_eq!(StreamNumber::of(HOT, "order"), None);
    }
}
