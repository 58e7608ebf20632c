//! Ids that hold their origin: an event id consists of the run, the writer, the append and the index in the append.
//!
//! So a few bytes for each append are enough to compare the written events with those that readers saw, and an event that
//! no writer of this run has written is recognized at once.

use std::fmt;

use cqrs_core::{
    EventId, StreamId,
    model::{Category, EventFilter},
};
use uuid::Uuid;

/// The id of a run of the checker: 48 random bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunId(u64);

impl RunId {
    const BITS: u32 = 48;

    /// The id with the lowest 48 of these bits.
    #[must_use]
    pub const fn new(bits: u64) -> Self {
        Self(bits & ((1 << Self::BITS) - 1))
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:012x}", self.0)
    }
}

/// Which writer wrote an event, and in which append.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventOrigin {
    /// The number of the writer, below 4,096.
    pub writer: u16,
    /// The number of the append among those of the writer, from 0.
    pub append: u32,
    /// The number of the event in the append, from 0 to 7.
    pub index: u8,
}

impl EventOrigin {
    /// The most events of an append. With 8, one byte can say which of them were seen.
    pub const EVENTS_PER_APPEND: u8 = 8;

    /// The most writers of a run.
    pub const WRITERS: u16 = 4_096;

    /// The event id: a UUID of version 8, whose content is up to its creator (RFC 9562, 5.8).
    #[must_use]
    pub fn id(self, run: RunId) -> EventId {
        let run = u128::from(run.0) << 80;
        let writer = u128::from(self.writer & (Self::WRITERS - 1)) << 64;
        let rest = u128::from(self.index) << 32 | u128::from(self.append);
        let version = 0x8_u128 << 76;
        let variant = 0b10_u128 << 62;
        EventId::from_uuid(Uuid::from_u128(run | version | writer | variant | rest))
    }

    /// The origin that an event id holds; `None` if the id is not of this run.
    #[must_use]
    pub fn of(id: EventId, run: RunId) -> Option<Self> {
        let bits = id.as_uuid().as_u128();
        let origin = Self {
            writer: u16::try_from((bits >> 64) & 0xfff).ok()?,
            append: u32::try_from(bits & 0xffff_ffff).ok()?,
            index: u8::try_from((bits >> 32) & 0xff).ok()?,
        };
        (origin.index < Self::EVENTS_PER_APPEND && origin.id(run) == id).then_some(origin)
    }

    /// The bit of this event among those of its append.
    #[must_use]
    pub const fn bit(self) -> u8 {
        1 << self.index
    }
}

impl fmt::Display for EventOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            writer,
            append,
            index,
        } = self;
        write!(f, "event {index} of append {append} of writer {writer}")
    }
}

/// The number of a stream of the run. The first ones are hot: all writers write to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamNumber(pub u32);

/// The category of the hot streams.
pub(crate) const HOT: &str = "check-hot";
/// The category of all other streams.
pub(crate) const COLD: &str = "check-cold";

impl StreamNumber {
    /// How many streams are hot.
    pub const HOT: u32 = 128;

    /// Whether all writers write to the stream.
    #[must_use]
    pub const fn is_hot(self) -> bool {
        self.0 < Self::HOT
    }

    /// The id of the stream.
    ///
    /// # Panics
    /// Never: both categories and every number are valid names.
    #[must_use]
    pub fn id(self) -> StreamId {
        let category = Category::new(if self.is_hot() { HOT } else { COLD });
        StreamId::new(category.expect("a valid name"), self.0.to_string()).expect("a valid name")
    }

    /// The number of the stream with this id; `None` if the run has no such stream.
    #[must_use]
    pub fn of(category: &str, id: &str) -> Option<Self> {
        let number = Self(id.parse().ok()?);
        (category == if number.is_hot() { HOT } else { COLD }).then_some(number)
    }

    /// The number as an index.
    #[must_use]
    pub fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// The filter of a reader that reads only the hot streams.
pub(crate) const READS_HOT: &[EventFilter] = &[EventFilter::new(HOT, &[])];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_id_holds_its_origin() {
        let run = RunId::new(0x00ab_cdef_0123_4567_u64);
        for (writer, append, index) in [(0, 0, 0), (4_095, u32::MAX, 7), (17, 1_000_000, 2)] {
            let origin = EventOrigin {
                writer,
                append,
                index,
            };
            assert_eq!(EventOrigin::of(origin.id(run), run), Some(origin));
            assert_eq!(EventOrigin::of(origin.id(run), RunId::new(1)), None);
        }
        assert_eq!(EventOrigin::of(EventId::random(), run), None);
    }

    #[test]
    fn a_stream_id_holds_its_number() {
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
