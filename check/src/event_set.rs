//! A set of events that takes one byte for each append.

use crate::ids::EventOrigin;

/// Bytes by writer and append, with one bit for each event.
#[derive(Debug, Clone, Default)]
pub(crate) struct EventSet(Vec<Vec<u8>>);

impl EventSet {
    /// Adds the event. Returns whether it is new.
    pub(crate) fn insert(&mut self, event: EventOrigin) -> bool {
        let of_writer = grow(&mut self.0, usize::from(event.writer));
        let byte = grow(of_writer, index(event.append));
        let is_new = *byte & event.bit() == 0;
        *byte |= event.bit();
        is_new
    }

    pub(crate) fn contains(&self, event: EventOrigin) -> bool {
        self.bits(event.writer, event.append) & event.bit() != 0
    }

    /// The events of an append, one bit for each.
    pub(crate) fn bits(&self, writer: u16, append: u32) -> u8 {
        let of_writer = self.0.get(usize::from(writer));
        let byte = of_writer.and_then(|appends| appends.get(index(append)));
        byte.copied().unwrap_or_default()
    }

    /// Every event that is not in `other`.
    pub(crate) fn difference<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = EventOrigin> + 'a {
        let appends = (0_u16..).zip(&self.0).flat_map(|(writer, appends)| {
            let numbered = (0_u32..).zip(appends);
            numbered.map(move |(append, bits)| (writer, append, *bits))
        });
        appends.flat_map(|(writer, append, bits)| {
            events_of(writer, append, bits & !other.bits(writer, append))
        })
    }
}

/// The events of an append whose bits are set.
pub(crate) fn events_of(writer: u16, append: u32, bits: u8) -> impl Iterator<Item = EventOrigin> {
    let event = move |index| EventOrigin {
        writer,
        append,
        index,
    };
    (0..EventOrigin::EVENTS_PER_APPEND)
        .map(event)
        .filter(move |event| bits & event.bit() != 0)
}

/// The element at `index`, after the vector has been extended to hold it.
fn grow<T: Default + Clone>(vector: &mut Vec<T>, index: usize) -> &mut T {
    if vector.len() <= index {
        vector.resize(index + 1, T::default());
    }
    &mut vector[index]
}

fn index(append: u32) -> usize {
    usize::try_from(append).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_new_once() {
        let event = |writer, append, index| EventOrigin {
            writer,
            append,
            index,
        };
        let mut set = EventSet::default();
        let mut other = EventSet::default();
        let all = [event(3, 70, 2), event(3, 70, 7), event(0, 0, 0)];
        assert!(all.into_iter().all(|event| set.insert(event)));
        assert!(!all.into_iter().any(|event| set.insert(event)));
        assert!(set.contains(event(3, 70, 7)) && !set.contains(event(3, 70, 1)));
        assert_eq!(set.bits(3, 70), 0b1000_0100);
        assert_eq!(set.bits(9, 70), 0);
        other.insert(event(3, 70, 2));
        let missing: Vec<_> = set.difference(&other).collect();
        assert_eq!(missing, [event(0, 0, 0), event(3, 70, 7)]);
    }
}
