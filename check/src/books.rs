//! What a writer was told: for each append what was asked, what was answered, and where it landed.

use cqrs_core::Appended;

use crate::names::{EventNumber, StreamNumber};

/// What became of an append, as far as its writer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Committed, and said so: owed to every reader.
    Acknowledged,
    /// Refused, rolled back, or dropped before its commit: must never be seen.
    Refused,
    /// Nobody can tell: either all of it is there or nothing.
    Unknown,
}

/// What one append asks of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// The stream.
    pub(crate) stream: StreamNumber,
    /// How many events; 0 guards the stream only.
    pub(crate) events: u8,
    /// The stream's version after it, as answered.
    pub(crate) version: Option<u64>,
    /// The position of its last event, as answered.
    pub(crate) position: Option<u64>,
}

impl Part {
    /// Nothing answered yet.
    pub(crate) const fn asked(stream: StreamNumber, events: u8) -> Self {
        Self {
            stream,
            events,
            version: None,
            position: None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    first_part: u32,
    parts: u8,
    outcome: Outcome,
}

/// Appends that were sent under one key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Once {
    first: u32,
    appends: u32,
    /// One of them was made.
    pub(crate) owed: bool,
}

impl Once {
    pub(crate) fn appends(self) -> impl Iterator<Item = u32> + Clone {
        self.first..self.first + self.appends
    }
}

/// One writer's books.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    entries: Vec<Entry>,
    parts: Vec<Part>,
    /// What was sent several times under one key.
    pub(crate) once: Vec<Once>,
}

impl Ledger {
    /// Writes down an append before it is sent, and gives it a number. Until more is known its outcome is unknown.
    pub(crate) fn open(&mut self, parts: impl IntoIterator<Item = Part>) -> u32 {
        let before = self.parts.len();
        self.parts.extend(parts);
        self.entries.push(Entry {
            first_part: number(before),
            parts: u8::try_from(self.parts.len() - before).unwrap_or(u8::MAX),
            outcome: Outcome::Unknown,
        });
        number(self.entries.len() - 1)
    }

    /// The append was committed and landed there, stream by stream.
    pub(crate) fn acknowledge(&mut self, append: u32, landed: &[Appended]) {
        self.settle(append, Outcome::Acknowledged);
        self.answer(append, landed);
    }

    /// What was answered of an append, or of another one under its key.
    pub(crate) fn answer(&mut self, append: u32, landed: &[Appended]) {
        for (part, landed) in self.parts_mut(append).iter_mut().zip(landed) {
            part.version = Some(landed.version.get());
            part.position = landed.position.map(cqrs_core::Position::get);
        }
    }

    /// Of these appends, numbered one behind the other, at most one was made; exactly one if it is owed.
    pub(crate) fn once(&mut self, appends: impl IntoIterator<Item = u32>, owed: bool) {
        let appends: Vec<u32> = appends.into_iter().collect();
        self.once.extend(appends.first().map(|first| Once {
            first: *first,
            appends: number(appends.len()),
            owed,
        }));
    }

    /// The append will never be seen.
    pub(crate) fn refuse(&mut self, append: u32) {
        self.settle(append, Outcome::Refused);
    }

    /// An append's outcome and parts; `None` if there is no such append.
    pub(crate) fn get(&self, append: u32) -> Option<(Outcome, &[Part])> {
        let entry = self.entries.get(index(append))?;
        let first = index(entry.first_part);
        let parts = self.parts.get(first..first + usize::from(entry.parts))?;
        Some((entry.outcome, parts))
    }

    /// Every append, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Outcome, &[Part])> {
        (0..number(self.entries.len())).filter_map(|append| {
            let (outcome, parts) = self.get(append)?;
            Some((append, outcome, parts))
        })
    }

    fn settle(&mut self, append: u32, outcome: Outcome) {
        if let Some(entry) = self.entries.get_mut(index(append)) {
            entry.outcome = outcome;
        }
    }

    fn parts_mut(&mut self, append: u32) -> &mut [Part] {
        let Some(entry) = self.entries.get(index(append)) else {
            return &mut [];
        };
        let first = index(entry.first_part);
        &mut self.parts[first..first + usize::from(entry.parts)]
    }
}

/// How many events an append has.
pub(crate) fn events(parts: &[Part]) -> u8 {
    parts.iter().map(|part| part.events).sum()
}

/// A bit for each event of an append.
pub(crate) fn all_bits(parts: &[Part]) -> u8 {
    (0..events(parts).min(EventNumber::EVENTS_OF_AN_APPEND))
        .fold(0, |bits, index| bits | 1 << index)
}

/// The part that an event of an append belongs to, and how many events of that part come after it.
pub(crate) fn part_of(parts: &[Part], index: u8) -> Option<(Part, u8)> {
    let mut end = 0;
    parts.iter().find_map(|part| {
        end += part.events;
        (index < end).then(|| (*part, end - 1 - index))
    })
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use cqrs_core::{Position, Version};

    use super::*;

    #[test]
    fn an_append_is_unknown_until_it_is_settled() {
        let mut ledger = Ledger::default();
        let streams = [
            Part::asked(StreamNumber(1), 2),
            Part::asked(StreamNumber(2), 0),
        ];
        let first = ledger.open(streams);
        let second = ledger.open([Part::asked(StreamNumber(3), 1)]);
        let outcome = |ledger: &Ledger, append| ledger.get(append).map(|(outcome, _)| outcome);
        assert_eq!(outcome(&ledger, first), Some(Outcome::Unknown));
        let landed = |stream, version, position| Appended {
            stream: StreamNumber(stream).id(),
            before: Version::EMPTY,
            version: Version::new(version),
            position: Some(Position::new(position)),
            repeated: false,
        };
        ledger.acknowledge(first, &[landed(1, 5, 40), landed(2, 3, 0)]);
        ledger.refuse(second);
        assert_eq!(outcome(&ledger, first), Some(Outcome::Acknowledged));
        assert_eq!(outcome(&ledger, second), Some(Outcome::Refused));
        assert_eq!(outcome(&ledger, 2), None);
        let (_, parts) = ledger.get(first).expect("is there");
        assert_eq!((parts[0].version, parts[0].position), (Some(5), Some(40)));
        assert_eq!(all_bits(parts), 0b11);
    }

    #[test]
    fn an_event_finds_its_part() {
        let parts = [(1, 2), (2, 0), (3, 1)]
            .map(|(stream, events)| Part::asked(StreamNumber(stream), events));
        let found = |index| part_of(&parts, index).map(|(part, behind)| (part.stream.0, behind));
        assert_eq!(found(0), Some((1, 1)));
        assert_eq!(found(1), Some((1, 0)));
        assert_eq!(found(2), Some((3, 0)));
        assert_eq!(found(3), None);
    }
}
