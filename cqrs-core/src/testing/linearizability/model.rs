//! The sequential store: what one call after the other would do and answer.

use std::fmt;

use super::history::{Answer, Call, EventNumber, Participant, Refusal, Stream};
use crate::{ExpectedVersion, Version};

/// Streams and the events they hold.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Model(Vec<Vec<EventNumber>>);

impl Model {
    /// So many streams without events.
    pub(super) fn new(streams: usize) -> Self {
        Self(vec![Vec::new(); streams])
    }

    /// The events of every stream.
    pub(super) fn streams(&self) -> impl Iterator<Item = (Stream, &[EventNumber])> {
        let streams = self.0.iter().enumerate();
        streams.map(|(number, events)| (Stream(number), events.as_slice()))
    }

    /// The store after the call, if it would have answered as it did. Of a call whose answer was lost: if it happened here.
    pub(super) fn step(&self, call: &Call) -> Result<Self, Misfit> {
        match call {
            Call::Append { to, answer } => match answer {
                Answer::Given(Ok(versions)) => self.append(to)?.confirm(to, versions),
                Answer::Given(Err(refusal)) => self.refuse(to, *refusal),
                Answer::Unknown => self.append(to),
                Answer::Failed(_) => Ok(self.clone()),
            },
            Call::Read { of, after, answer } => match answer {
                Answer::Given(events) => self.read(*of, *after, events),
                Answer::Unknown | Answer::Failed(_) => Ok(self.clone()),
            },
        }
    }

    pub(super) fn version(&self, stream: Stream) -> Version {
        let events = self.0.get(stream.0).map_or(0, Vec::len);
        Version::new(events as u64)
    }

    fn append(&self, to: &[Participant]) -> Result<Self, Misfit> {
        for Participant {
            stream, expected, ..
        } in to
        {
            let actual = self.version(*stream);
            if !expected.allows(actual) {
                return Err(Misfit::Conflict(*stream, *expected, actual));
            }
        }
        let mut next = self.clone();
        for Participant { stream, events, .. } in to {
            next.0[stream.0].extend(events);
        }
        Ok(next)
    }

    fn confirm(self, to: &[Participant], answered: &[Version]) -> Result<Self, Misfit> {
        if to.len() != answered.len() {
            return Err(Misfit::Answers(to.len(), answered.len()));
        }
        for (Participant { stream, .. }, answered) in to.iter().zip(answered) {
            let version = self.version(*stream);
            if version != *answered {
                return Err(Misfit::Version(*stream, version));
            }
        }
        Ok(self)
    }

    fn refuse(
        &self,
        to: &[Participant],
        Refusal { stream, actual }: Refusal,
    ) -> Result<Self, Misfit> {
        let version = self.version(stream);
        match to.iter().find(|participant| participant.stream == stream) {
            None => Err(Misfit::NotAsked(stream)),
            Some(_) if version != actual => Err(Misfit::Actual(stream, version)),
            Some(asked) if asked.expected.allows(version) => Err(Misfit::Allowed(stream, version)),
            Some(_) => Ok(self.clone()),
        }
    }

    fn read(
        &self,
        of: Stream,
        after: Version,
        answered: &[(Version, EventNumber)],
    ) -> Result<Self, Misfit> {
        let versions = (1..).map(Version::new);
        let held = versions.zip(self.0[of.0].iter().copied());
        let behind = held.filter(|(version, _)| *version > after);
        if behind.eq(answered.iter().copied()) {
            Ok(self.clone())
        } else {
            Err(Misfit::Holds(of, self.0[of.0].clone()))
        }
    }
}

/// Why a call cannot have been answered so at this place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Misfit {
    /// It succeeded, and should have met a conflict.
    Conflict(Stream, ExpectedVersion, Version),
    /// It would have left the stream at this version.
    Version(Stream, Version),
    /// So many streams asked, so many answered.
    Answers(usize, usize),
    /// It answered a conflict on a stream it was not asked about.
    NotAsked(Stream),
    /// It answered a conflict, and the stream is as it was expected.
    Allowed(Stream, Version),
    /// It answered a conflict, and another version than the stream has.
    Actual(Stream, Version),
    /// It read something else than the stream holds.
    Holds(Stream, Vec<EventNumber>),
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Conflict(stream, expected, actual) => {
                write!(f, "{stream} is at {actual}, expected was {expected}")
            }
            Self::Version(stream, version) => write!(f, "{stream} would then be at {version}"),
            Self::Answers(asked, answered) => {
                write!(f, "{asked} streams were asked and {answered} answered")
            }
            Self::NotAsked(stream) => write!(f, "{stream} was not asked about"),
            Self::Allowed(stream, version) => {
                write!(f, "{stream} is at {version}, which is as expected")
            }
            Self::Actual(stream, version) => write!(f, "{stream} is at {version}"),
            Self::Holds(stream, events) if events.is_empty() => write!(f, "{stream} is empty"),
            Self::Holds(stream, events) => {
                write!(f, "{stream} holds")?;
                events.iter().try_for_each(|event| write!(f, " {event}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Stream = Stream(0);
    const B: Stream = Stream(1);

    fn asks(stream: Stream, expected: ExpectedVersion, events: &[u32]) -> Participant {
        let events = events.iter().copied().map(EventNumber).collect();
        Participant {
            stream,
            expected,
            events,
        }
    }

    fn append(to: Vec<Participant>, answer: Result<&[u64], (Stream, u64)>) -> Call {
        let answer = answer
            .map(|versions| versions.iter().copied().map(Version::new).collect())
            .map_err(|(stream, actual)| Refusal {
                stream,
                actual: Version::new(actual),
            });
        Call::Append {
            to,
            answer: Answer::Given(answer),
        }
    }

    #[test]
    fn streams_are_appended_to_all_or_none() {
        let empty = Model::new(2);
        let both = |at| {
            vec![
                asks(A, ExpectedVersion::Any, &[1]),
                asks(B, ExpectedVersion::Exact(Version::new(at)), &[2, 3]),
            ]
        };
        let next = empty.step(&append(both(0), Ok(&[1, 2]))).expect("fits");
        assert_eq!(
            next,
            Model(vec![
                vec![EventNumber(1)],
                vec![EventNumber(2), EventNumber(3)]
            ])
        );
        assert_eq!(next.step(&append(both(0), Err((B, 2)))), Ok(next.clone()));
        assert!(next.step(&append(both(0), Ok(&[2, 4]))).is_err());
        assert_eq!(
            empty.step(&append(both(0), Ok(&[1, 3]))),
            Err(Misfit::Version(B, Version::new(2)))
        );
    }

    #[test]
    fn a_conflict_names_a_stream_that_was_asked_about_and_is_not_as_expected() {
        let empty = Model::new(2);
        let refused = |stream, actual| {
            let to = vec![asks(A, ExpectedVersion::StreamExists, &[])];
            empty.step(&append(to, Err((stream, actual))))
        };
        assert_eq!(refused(A, 0), Ok(empty.clone()));
        assert_eq!(refused(A, 1), Err(Misfit::Actual(A, Version::EMPTY)));
        assert_eq!(refused(B, 0), Err(Misfit::NotAsked(B)));
        let allowed = append(vec![asks(A, ExpectedVersion::Any, &[1])], Err((A, 0)));
        assert_eq!(
            empty.step(&allowed),
            Err(Misfit::Allowed(A, Version::EMPTY))
        );
    }

    #[test]
    fn a_read_answers_what_lies_behind_a_version() {
        let model = Model(vec![vec![EventNumber(1), EventNumber(2)]]);
        let read = |after, events: &[(u64, u32)]| {
            let events = events
                .iter()
                .map(|&(v, e)| (Version::new(v), EventNumber(e)));
            model.step(&Call::Read {
                of: A,
                after: Version::new(after),
                answer: Answer::Given(events.collect()),
            })
        };
        assert!(read(0, &[(1, 1), (2, 2)]).is_ok());
        assert!(read(1, &[(2, 2)]).is_ok());
        assert!(read(3, &[]).is_ok());
        for wrong in [&[(1, 1)][..], &[(2, 1), (1, 2)], &[(1, 2), (2, 1)], &[]] {
            assert!(read(0, wrong).is_err(), "{wrong:?}");
        }
    }
}
