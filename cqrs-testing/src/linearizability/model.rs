//! The model: a store that executes one call after the other.

use std::collections::BTreeMap;

use cqrs_core::Version;

use super::history::{
    Call, EventNumber, Key, Outcome, Participant, Rejection, Stream, StreamResult,
};

/// The events of each stream; for each key its command and the appends under it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Model {
    streams: Vec<Vec<EventNumber>>,
    keys: BTreeMap<usize, (u64, Vec<StreamResult>)>,
}

/// The right result of a call at this place of the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RightResult {
    Append(Vec<StreamResult>),
    /// One of these.
    Reject(Vec<Rejection>),
    Read(Vec<(Version, EventNumber)>),
    Lookup(Result<Option<Vec<StreamResult>>, Rejection>),
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
    pub(super) fn step(&self, call: &Call) -> Result<Self, RightResult> {
        match call {
            Call::Append { to, key, outcome } => {
                let expected = self.append(to, *key);
                match outcome {
                    Outcome::Given(Ok(results)) => appended(expected, results),
                    Outcome::Given(Err(rejection)) => self.rejected(expected, *rejection),
                    Outcome::Unknown => {
                        Ok(expected.map_or_else(|_| self.clone(), |(next, _)| next))
                    }
                    Outcome::Failed(_) => Ok(self.clone()),
                }
            }
            Call::Read { of, after, outcome } => {
                self.unchanged(self.read(*of, *after), outcome, RightResult::Read)
            }
            Call::Lookup { key, outcome } => {
                self.unchanged(self.lookup(*key), outcome, RightResult::Lookup)
            }
        }
    }

    /// The state after an append and its result, or every rejection that would be right.
    pub(super) fn append(
        &self,
        to: &[Participant],
        key: Option<Key>,
    ) -> Result<(Self, Vec<StreamResult>), Vec<Rejection>> {
        let known = key.map_or(Ok(None), |key| self.lookup(key));
        if let Some(results) = known.map_err(|reused| vec![reused])? {
            return Ok((self.clone(), results));
        }
        let conflicts: Vec<_> = to
            .iter()
            .filter_map(|participant| self.conflict(participant))
            .collect();
        if !conflicts.is_empty() {
            return Err(conflicts);
        }
        let mut next = self.clone();
        let results: Vec<_> = to
            .iter()
            .map(|participant| next.append_one(participant))
            .collect();
        if let Some(Key { number, command }) = key {
            next.keys.insert(number, (command, results.clone()));
        }
        Ok((next, results))
    }

    fn conflict(&self, participant: &Participant) -> Option<Rejection> {
        let stream = participant.stream;
        let events = &self.streams[stream.0];
        let actual = version(events);
        let last = events.last().map(|event| event.as_id());
        let rejected = !participant.expected.allows(actual, last);
        rejected.then_some(Rejection::Conflict { stream, actual })
    }

    fn append_one(&mut self, participant: &Participant) -> StreamResult {
        let events = &mut self.streams[participant.stream.0];
        let before = version(events);
        events.extend(&participant.events);
        StreamResult {
            stream: participant.stream,
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

    fn lookup(&self, key: Key) -> Result<Option<Vec<StreamResult>>, Rejection> {
        let again = |one: &StreamResult| StreamResult {
            repeated: true,
            ..*one
        };
        match self.keys.get(&key.number) {
            None => Ok(None),
            Some((command, results)) if *command == key.command => {
                Ok(Some(results.iter().map(again).collect()))
            }
            Some(_) => Err(Rejection::KeyReused),
        }
    }

    fn rejected(
        &self,
        expected: Result<(Self, Vec<StreamResult>), Vec<Rejection>>,
        returned: Rejection,
    ) -> Result<Self, RightResult> {
        match expected {
            Err(rejections) if rejections.contains(&returned) => Ok(self.clone()),
            Err(rejections) => Err(RightResult::Reject(rejections)),
            Ok((_, results)) => Err(RightResult::Append(results)),
        }
    }

    fn unchanged<T: PartialEq>(
        &self,
        expected: T,
        outcome: &Outcome<T>,
        right: impl FnOnce(T) -> RightResult,
    ) -> Result<Self, RightResult> {
        match outcome {
            Outcome::Given(outcome) if *outcome != expected => Err(right(expected)),
            Outcome::Given(_) | Outcome::Unknown | Outcome::Failed(_) => Ok(self.clone()),
        }
    }
}

fn appended(
    expected: Result<(Model, Vec<StreamResult>), Vec<Rejection>>,
    returned: &[StreamResult],
) -> Result<Model, RightResult> {
    match expected {
        Ok((next, results)) if results == returned => Ok(next),
        Ok((_, results)) => Err(RightResult::Append(results)),
        Err(rejections) => Err(RightResult::Reject(rejections)),
    }
}

fn version(events: &[EventNumber]) -> Version {
    Version::new(events.len() as u64)
}

#[cfg(test)]
mod tests;
