//! What a tally's stream must hold and answer: a list of events, folded anew for each decision.

use std::{collections::HashMap, time::SystemTime};

use super::tally::{Ask, Odd, Tally, TallyEvent};
use crate::{
    model::{Context, Metadata, Version},
    roles::{Aggregate, Decision},
};

/// What a command is answered: the stream's version after it and its events, or why it was not done.
pub(super) type Answer = Result<(u64, Vec<TallyEvent>), Refusal>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    Odd(Odd),
    KeyReused,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Model {
    pub(super) events: Vec<TallyEvent>,
    /// Under each key: the command, and the versions before and after it.
    keys: HashMap<u8, (Ask, usize, usize)>,
}

impl Model {
    /// A log that was restored: it remembers no keys.
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

    pub(super) fn execute(&mut self, ask: Ask, key: Option<u8>) -> Answer {
        let known = key.and_then(|key| self.keys.get(&key));
        if let Some((first, before, after)) = known {
            return if *first == ask {
                Ok((*after as u64, self.events[*before..*after].to_vec()))
            } else {
                Err(Refusal::KeyReused)
            };
        }
        let events = self.decide(ask).map_err(Refusal::Odd)?;
        let before = self.events.len();
        self.events.extend(events.clone());
        let after = self.events.len();
        if let Some(key) = key {
            self.keys.insert(key, (ask, before, after));
        }
        Ok((after as u64, events))
    }

    fn decide(&self, ask: Ask) -> Decision<Tally> {
        let context = Context {
            id: "one".into(),
            version: Version::new(self.events.len() as u64),
            now: SystemTime::UNIX_EPOCH,
            metadata: Metadata::default(),
        };
        self.state().handle(ask, &context)
    }
}
