//! The model of a tally: a list of events that is replayed for each decision.

use std::{collections::HashMap, time::SystemTime};

use super::tally::{Odd, Tally, TallyCommand, TallyEvent};
use crate::{
    model::{Context, Metadata, Version},
    roles::{Aggregate, Decision},
};

/// The result of a command: the stream's version after it and its events, or why it failed.
pub(super) type CommandResult = Result<(u64, Vec<TallyEvent>), Failure>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    Odd(Odd),
    KeyReused,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) events: Vec<TallyEvent>,
    /// For each key: its command, and the versions before and after it.
    keys: HashMap<u8, (TallyCommand, usize, usize)>,
}

impl Model {
    /// The model of a restored log, which has no keys.
    pub(super) fn of(events: Vec<TallyEvent>) -> Self {
        let keys = HashMap::new();
        Self { events, keys }
    }

    pub(super) fn state(&self) -> Tally {
        let mut state = Tally::default();
        for event in &self.events {
            state.apply(event.clone());
        }
        state
    }

    pub(super) fn execute(&mut self, command: TallyCommand, key: Option<u8>) -> CommandResult {
        let known = key.and_then(|key| self.keys.get(&key));
        if let Some((first, before, after)) = known {
            return if *first == command {
                Ok((*after as u64, self.events[*before..*after].to_vec()))
            } else {
                Err(Failure::KeyReused)
            };
        }
        let events = self.decide(command).map_err(Failure::Odd)?;
        let before = self.events.len();
        self.events.extend(events.clone());
        let after = self.events.len();
        if let Some(key) = key {
            self.keys.insert(key, (command, before, after));
        }
        Ok((after as u64, events))
    }

    fn decide(&self, command: TallyCommand) -> Decision<Tally> {
        let context = Context {
            id: "one".into(),
            version: Version::new(self.events.len() as u64),
            now: SystemTime::UNIX_EPOCH,
            metadata: Metadata::default(),
        };
        self.state().handle(command, &context)
    }
}
