//! What a stored event is for a reader.

/// What a stored event is for a reader: nothing, one event, or the parts that an upcaster split it into.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decoded<E> {
    /// The reader does not read it, or it has no meaning any more.
    Nothing,
    /// One event.
    One(E),
    /// An upcaster split the event. Each part that the reader reads has its number among all parts, from 0.
    Several(Vec<(u32, E)>),
}

impl<E> Decoded<E> {
    /// The same, with each event converted.
    #[must_use]
    pub fn map<T>(self, convert: impl Fn(E) -> T) -> Decoded<T> {
        match self {
            Self::Nothing => Decoded::Nothing,
            Self::One(event) => Decoded::One(convert(event)),
            Self::Several(parts) => {
                let converted = parts
                    .into_iter()
                    .map(|(part, event)| (part, convert(event)));
                Decoded::Several(converted.collect())
            }
        }
    }

    /// The events, each with its number among the parts: 0 for an event that was not split.
    pub fn parts(self) -> impl Iterator<Item = (u32, E)> {
        let (one, several) = match self {
            Self::Nothing => (None, Vec::new()),
            Self::One(event) => (Some((0, event)), Vec::new()),
            Self::Several(parts) => (None, parts),
        };
        one.into_iter().chain(several)
    }

    /// What two members of a union read of the same event. A part goes to the first member that reads it.
    #[must_use]
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, other) => other,
            (Self::Several(mut parts), Self::Several(others)) => {
                for (number, event) in others {
                    if let Err(at) = parts.binary_search_by_key(&number, |(part, _)| *part) {
                        parts.insert(at, (number, event));
                    }
                }
                Self::Several(parts)
            }
            (first, _) => first,
        }
    }
}

/// The events in order.
impl<E> IntoIterator for Decoded<E> {
    type Item = E;
    type IntoIter = IntoEvents<E>;

    fn into_iter(self) -> IntoEvents<E> {
        let (one, several) = match self {
            Self::Nothing => (None, Vec::new()),
            Self::One(event) => (Some(event), Vec::new()),
            Self::Several(parts) => (None, parts),
        };
        IntoEvents {
            one,
            several: several.into_iter(),
        }
    }
}

/// Iterates over the events of a [`Decoded`].
#[derive(Debug)]
pub struct IntoEvents<E> {
    one: Option<E>,
    several: std::vec::IntoIter<(u32, E)>,
}

impl<E> Iterator for IntoEvents<E> {
    type Item = E;

    fn next(&mut self) -> Option<E> {
        let next = || self.several.next().map(|(_, event)| event);
        self.one.take().or_else(next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_goes_to_the_first_member_that_reads_it() {
        let first = Decoded::Several(vec![(1, "first")]);
        let second = Decoded::Several(vec![(0, "second"), (1, "second"), (2, "second")]);
        let both = Decoded::Several(vec![(0, "second"), (1, "first"), (2, "second")]);
        assert_eq!(first.clone().or(second), both);
        assert_eq!(Decoded::Nothing.or(first.clone()), first);
        assert_eq!(Decoded::One("one").or(first), Decoded::One("one"));
    }
}
