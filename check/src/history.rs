//! The history of a writer: for each append its request, its outcome, and the places of its events.

use cqrs_core::{Position, ports::Appended};

use crate::ids::{EventOrigin, StreamNumber};

/// How an append ended, as far as its writer knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was committed, so every reader must see it.
    Acknowledged,
    /// It was rejected, rolled back, or dropped before its commit, so nobody may see it.
    Rejected,
    /// The writer does not know. Either all of the append is in the store or nothing.
    Unknown,
}

/// The part of an append for one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamPart {
    pub(crate) stream: StreamNumber,
    /// How many events; 0 for a read-only participant.
    pub(crate) events: u8,
    /// The version of the stream after the append, according to the store.
    pub(crate) version: Option<u64>,
    /// The position of its last event, according to the store.
    pub(crate) position: Option<u64>,
}

impl StreamPart {
    /// A part that has no answer yet.
    pub(crate) const fn requested(stream: StreamNumber, events: u8) -> Self {
        Self {
            stream,
            events,
            version: None,
            position: None,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct AppendRecord {
    first_part: u32,
    parts: u8,
    outcome: Outcome,
}

/// Consecutive appends that were sent under one key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KeyedAppends {
    first: u32,
    count: u32,
    /// Whether one of them was acknowledged.
    pub(crate) acknowledged: bool,
}

impl KeyedAppends {
    pub(crate) fn appends(self) -> impl Iterator<Item = u32> + Clone {
        self.first..self.first + self.count
    }
}

/// The history of one writer.
#[derive(Debug, Clone, Default)]
pub(crate) struct WriterHistory {
    appends: Vec<AppendRecord>,
    parts: Vec<StreamPart>,
    /// The appends that were sent several times under one key.
    pub(crate) keyed: Vec<KeyedAppends>,
}

impl WriterHistory {
    /// Records an append before it is sent. Returns its number. Its outcome is unknown at first.
    pub(crate) fn begin(&mut self, parts: impl IntoIterator<Item = StreamPart>) -> u32 {
        let first_part = self.parts.len();
        self.parts.extend(parts);
        self.appends.push(AppendRecord {
            first_part: number(first_part),
            parts: u8::try_from(self.parts.len() - first_part).unwrap_or(u8::MAX),
            outcome: Outcome::Unknown,
        });
        number(self.appends.len() - 1)
    }

    /// Records that the append was committed, with the answer for each stream.
    pub(crate) fn acknowledge(&mut self, append: u32, answer: &[Appended]) {
        self.set_outcome(append, Outcome::Acknowledged);
        self.set_answer(append, answer);
    }

    /// Records the answer to an append, or to another one under its key.
    pub(crate) fn set_answer(&mut self, append: u32, answer: &[Appended]) {
        for (part, appended) in self.parts_mut(append).iter_mut().zip(answer) {
            part.version = Some(appended.version.get());
            part.position = appended.position.map(Position::get);
        }
    }

    /// Records that these consecutive appends were sent under one key: at most one of them is in the store, and exactly one
    /// if one was acknowledged.
    pub(crate) fn add_keyed(&mut self, appends: &[u32], acknowledged: bool) {
        self.keyed.extend(appends.first().map(|first| KeyedAppends {
            first: *first,
            count: number(appends.len()),
            acknowledged,
        }));
    }

    /// Records that nobody may see the append.
    pub(crate) fn reject(&mut self, append: u32) {
        self.set_outcome(append, Outcome::Rejected);
    }

    /// The outcome and the parts of an append; `None` if there is no such append.
    pub(crate) fn get(&self, append: u32) -> Option<(Outcome, &[StreamPart])> {
        let record = self.appends.get(index(append))?;
        let first = index(record.first_part);
        let parts = self.parts.get(first..first + usize::from(record.parts))?;
        Some((record.outcome, parts))
    }

    /// Every append, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Outcome, &[StreamPart])> {
        (0..number(self.appends.len())).filter_map(|append| {
            let (outcome, parts) = self.get(append)?;
            Some((append, outcome, parts))
        })
    }

    fn set_outcome(&mut self, append: u32, outcome: Outcome) {
        if let Some(record) = self.appends.get_mut(index(append)) {
            record.outcome = outcome;
        }
    }

    fn parts_mut(&mut self, append: u32) -> &mut [StreamPart] {
        let Some(record) = self.appends.get(index(append)) else {
            return &mut [];
        };
        let first = index(record.first_part);
        &mut self.parts[first..first + usize::from(record.parts)]
    }
}

/// How many events an append has.
pub(crate) fn event_count(parts: &[StreamPart]) -> u8 {
    parts.iter().map(|part| part.events).sum()
}

/// One bit for each event of an append.
pub(crate) fn all_bits(parts: &[StreamPart]) -> u8 {
    (0..event_count(parts).min(EventOrigin::EVENTS_PER_APPEND))
        .fold(0, |bits, index| bits | 1 << index)
}

/// The part that an event of an append belongs to, and how many events of the part come after it.
pub(crate) fn part_of(parts: &[StreamPart], index: u8) -> Option<(StreamPart, u8)> {
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
    use cqrs_core::Version;

    use super::*;

    #[test]
    fn the_outcome_of_an_append_is_unknown_at_first() {
        let mut history = WriterHistory::default();
        let parts = [
            StreamPart::requested(StreamNumber(1), 2),
            StreamPart::requested(StreamNumber(2), 0),
        ];
        let first = history.begin(parts);
        let second = history.begin([StreamPart::requested(StreamNumber(3), 1)]);
        let outcome =
            |history: &WriterHistory, append| history.get(append).map(|(outcome, _)| outcome);
        assert_eq!(outcome(&history, first), Some(Outcome::Unknown));
        let appended = |stream, version, position| {
            Appended::new(
                StreamNumber(stream).id(),
                Version::EMPTY,
                Version::new(version),
                Some(Position::new(position)),
            )
        };
        history.acknowledge(first, &[appended(1, 5, 40), appended(2, 3, 0)]);
        history.reject(second);
        assert_eq!(outcome(&history, first), Some(Outcome::Acknowledged));
        assert_eq!(outcome(&history, second), Some(Outcome::Rejected));
        assert_eq!(outcome(&history, 2), None);
        let (_, parts) = history.get(first).expect("it was recorded");
        assert_eq!((parts[0].version, parts[0].position), (Some(5), Some(40)));
        assert_eq!(all_bits(parts), 0b11);
    }

    #[test]
    fn the_part_of_an_event_is_found_by_its_index() {
        let parts = [(1, 2), (2, 0), (3, 1)]
            .map(|(stream, events)| StreamPart::requested(StreamNumber(stream), events));
        let found = |index| part_of(&parts, index).map(|(part, after)| (part.stream.0, after));
        assert_eq!(found(0), Some((1, 1)));
        assert_eq!(found(1), Some((1, 0)));
        assert_eq!(found(2), Some((3, 0)));
        assert_eq!(found(3), None);
    }
}
