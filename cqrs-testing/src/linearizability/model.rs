//! The model: a store that executes one call after the other.

use std::collections::BTreeMap;

use cqrs_core::Version;

use super::history::{Answer, Call, EventNumber, Key, Landed, Participant, Rejection, Stream};

/// The events of each stream; for each key its command and the appends under it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Model {
    streams: Vec<Vec<EventNumber>>,
    keys: BTreeMap<usize, (u64, Vec<Landed>)>,
}

/// The results that would be right at this place of the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Misfit {
    Append(Vec<Landed>),
    /// One of these.
    Reject(Vec<Rejection>),
    Read(Vec<(Version, EventNumber)>),
    Recall(Result<Option<Vec<Landed>>, Rejection>),
}

impl Model {
    /// A store with this number of empty streams.
    pub(super) fn new(streams: usize) -> Self {
        Self {
            streams: vec![Vec::new(); streams],
            keys: BTreeMap::new(),
        }
    }

    /// The events of every stream.
    pub(super) fn streams(&self) -> impl Iterator<Item = (Stream, &[EventNumber])> {
        let streams = self.streams.iter().enumerate();
        streams.map(|(number, events)| (Stream(number), events.as_slice()))
    }

    /// The state after the call, if its result is right at this place. A call with an unknown outcome has its effect here.
    pub(super) fn step(&self, call: &Call) -> Result<Self, Misfit> {
        match call {
            Call::Append { to, key, answer } => {
                let would = self.append(to, *key);
                match answer {
                    Answer::Given(Ok(landed)) => appended(would, landed),
                    Answer::Given(Err(rejection)) => self.rejected(would, *rejection),
                    Answer::Unknown => Ok(would.map_or_else(|_| self.clone(), |(next, _)| next)),
                    Answer::Failed(_) => Ok(self.clone()),
                }
            }
            Call::Read { of, after, answer } => {
                self.unchanged(self.read(*of, *after), answer, Misfit::Read)
            }
            Call::Recall { key, answer } => {
                self.unchanged(self.recall(*key), answer, Misfit::Recall)
            }
        }
    }

    /// The state after an append and its result, or every rejection that would be right.
    pub(super) fn append(
        &self,
        to: &[Participant],
        key: Option<Key>,
    ) -> Result<(Self, Vec<Landed>), Vec<Rejection>> {
        let known = key.map_or(Ok(None), |key| self.recall(key));
        if let Some(landed) = known.map_err(|reused| vec![reused])? {
            return Ok((self.clone(), landed));
        }
        let conflicts: Vec<_> = to.iter().filter_map(|asked| self.conflict(asked)).collect();
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
        let mut next = self.clone();
        let landed: Vec<_> = to.iter().map(|asked| next.land(asked)).collect();
        if let Some(Key { number, command }) = key {
            next.keys.insert(number, (command, landed.clone()));
        }
        Ok((next, landed))
    }

    fn conflict(&self, asked: &Participant) -> Option<Rejection> {
        let (stream, events) = (asked.stream, &self.streams[asked.stream.0]);
        let actual = version(events);
        let last = events.last().map(|event| event.as_id());
        let rejected = !asked.expected.allows(actual, last);
        rejected.then_some(Rejection::Conflict { stream, actual })
    }

    fn land(&mut self, asked: &Participant) -> Landed {
        let events = &mut self.streams[asked.stream.0];
        let before = version(events);
        events.extend(&asked.events);
        Landed {
            stream: asked.stream,
            before,
            version: version(events),
            repeated: false,
        }
    }

    fn read(&self, of: Stream, after: Version) -> Vec<(Version, EventNumber)> {
        let versions = (1..).map(Version::new);
        let held = versions.zip(self.streams[of.0].iter().copied());
        held.filter(|(version, _)| *version > after).collect()
    }

    fn recall(&self, key: Key) -> Result<Option<Vec<Landed>>, Rejection> {
        let again = |one: &Landed| Landed {
            repeated: true,
            ..*one
        };
        match self.keys.get(&key.number) {
            None => Ok(None),
            Some((command, landed)) if *command == key.command => {
                Ok(Some(landed.iter().map(again).collect()))
            }
            Some(_) => Err(Rejection::KeyReused),
        }
    }

    fn rejected(
        &self,
        would: Result<(Self, Vec<Landed>), Vec<Rejection>>,
        answered: Rejection,
    ) -> Result<Self, Misfit> {
        match would {
            Err(rejections) if rejections.contains(&answered) => Ok(self.clone()),
            Err(rejections) => Err(Misfit::Reject(rejections)),
            Ok((_, landed)) => Err(Misfit::Append(landed)),
        }
    }

    fn unchanged<T: PartialEq>(
        &self,
        would: T,
        answer: &Answer<T>,
        misfit: impl FnOnce(T) -> Misfit,
    ) -> Result<Self, Misfit> {
        match answer {
            Answer::Given(answer) if *answer != would => Err(misfit(would)),
            Answer::Given(_) | Answer::Unknown | Answer::Failed(_) => Ok(self.clone()),
        }
    }
}

fn appended(
    would: Result<(Model, Vec<Landed>), Vec<Rejection>>,
    answered: &[Landed],
) -> Result<Model, Misfit> {
    match would {
        Ok((next, landed)) if landed == answered => Ok(next),
        Ok((_, landed)) => Err(Misfit::Append(landed)),
        Err(rejections) => Err(Misfit::Reject(rejections)),
    }
}

fn version(events: &[EventNumber]) -> Version {
    Version::new(events.len() as u64)
}

#[cfg(test)]
mod tests;
