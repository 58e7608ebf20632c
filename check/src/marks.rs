//! A few bytes for each append and each stream: which events were met, and which version was the last.

use crate::names::{EventNumber, StreamNumber};

/// A byte for each append: which of its events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks(Vec<Vec<u8>>);

impl Marks {
    /// Marks the event. False: it was marked before.
    pub(crate) fn mark(&mut self, event: EventNumber) -> bool {
        let of_writer = at(&mut self.0, usize::from(event.writer));
        let byte = at(of_writer, index(event.append));
        let fresh = *byte & event.bit() == 0;
        *byte |= event.bit();
        fresh
    }

    /// Whether the event is marked.
    pub(crate) fn has(&self, event: EventNumber) -> bool {
        self.of(event.writer, event.append) & event.bit() != 0
    }

    /// The marked events of an append, a bit for each.
    pub(crate) fn of(&self, writer: u16, append: u32) -> u8 {
        let of_writer = self.0.get(usize::from(writer));
        let byte = of_writer.and_then(|appends| appends.get(index(append)));
        byte.copied().unwrap_or_default()
    }

    /// Every marked event that is not marked in `other`.
    pub(crate) fn without<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = EventNumber> + 'a {
        let appends = (0_u16..).zip(&self.0).flat_map(|(writer, appends)| {
            let numbered = (0_u32..).zip(appends);
            numbered.map(move |(append, bits)| (writer, append, *bits))
        });
        appends.flat_map(|(writer, append, bits)| {
            events_of(writer, append, bits & !other.of(writer, append))
        })
    }
}

/// The events of an append whose bits are set.
pub(crate) fn events_of(writer: u16, append: u32, bits: u8) -> impl Iterator<Item = EventNumber> {
    let event = move |index| EventNumber {
        writer,
        append,
        index,
    };
    (0..EventNumber::EVENTS_OF_AN_APPEND)
        .map(event)
        .filter(move |event| bits & event.bit() != 0)
}

/// The last version of each stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Versions(Vec<u32>);

impl Versions {
    /// The stream's last version; 0 if none was met.
    pub(crate) fn of(&self, stream: StreamNumber) -> u32 {
        let version = self.0.get(stream.index());
        version.copied().unwrap_or_default()
    }

    /// Takes the next version of a stream and answers the highest before.
    pub(crate) fn meet(&mut self, stream: StreamNumber, version: u32) -> u32 {
        let last = at(&mut self.0, stream.index());
        let before = *last;
        *last = before.max(version);
        before
    }
}

/// The element at `index`, which is made if it is not there.
fn at<T: Default + Clone>(vector: &mut Vec<T>, index: usize) -> &mut T {
    if vector.len() <= index {
        vector.resize(index + 1, T::default());
    }
    &mut vector[index]
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_marked_once() {
        let event = |writer, append, index| EventNumber {
            writer,
            append,
            index,
        };
        let (mut marks, mut other) = (Marks::default(), Marks::default());
        let all = [event(3, 70, 2), event(3, 70, 7), event(0, 0, 0)];
        assert!(all.into_iter().all(|event| marks.mark(event)));
        assert!(!all.into_iter().any(|event| marks.mark(event)));
        assert!(marks.has(event(3, 70, 7)) && !marks.has(event(3, 70, 1)));
        assert_eq!(marks.of(3, 70), 0b1000_0100);
        assert_eq!(marks.of(9, 70), 0);
        other.mark(event(3, 70, 2));
        let missing: Vec<_> = marks.without(&other).collect();
        assert_eq!(missing, [event(0, 0, 0), event(3, 70, 7)]);
    }

    #[test]
    fn the_highest_version_is_kept() {
        let mut versions = Versions::default();
        let met = [1, 2, 5, 3].map(|version| versions.meet(StreamNumber(9), version));
        assert_eq!(met, [0, 1, 2, 5]);
        assert_eq!(versions.of(StreamNumber(9)), 5);
        assert_eq!(versions.of(StreamNumber(10)), 0);
    }
}
