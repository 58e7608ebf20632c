//! The places in generated histories at which events happen: to the states there, older events of the same type are applied.

use std::{collections::BTreeMap, fmt::Debug};

use cqrs_core::{Aggregate, RecordedEvent};

use super::AggregateLaws;
use crate::laws::{commands::Story, search::Search, tested};

/// The number of histories that are drawn.
const HISTORIES: usize = 64;

/// The maximum number of places of an event type.
const MAX_PLACES: usize = 100;

/// The events of a history before one of them.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) events: Vec<RecordedEvent>,
    /// The same as source.
    pub(super) sources: Vec<String>,
}

/// Places by the type of the event that happens there, the simplest first.
#[derive(Debug, Default)]
pub(super) struct Places(BTreeMap<String, Vec<Place>>);

impl Places {
    /// Draws histories with the seed of the search.
    pub(super) fn draw<A>(laws: &AggregateLaws<A>, search: &Search) -> Result<Self, String>
    where
        A: Aggregate<Command: Debug, Event: Debug>,
    {
        let tested = tested::Commands::default();
        let mut places = Self::default();
        for steps in search.histories(HISTORIES, &laws.steps) {
            let story = Story::<A>::of(&steps);
            tested.count(&story);
            places.add(&story);
        }
        tested.check()?;
        let length = |place: &Place| (place.events.len(), place.sources.concat().len());
        places
            .0
            .values_mut()
            .for_each(|places| places.sort_by_key(length));
        Ok(places)
    }

    fn add<A: Aggregate>(&mut self, story: &Story<A>) {
        for (place, event) in story.events.iter().enumerate() {
            let places = self.0.entry(event.event_type.to_string()).or_default();
            if places.len() < MAX_PLACES {
                places.push(Place {
                    events: story.events[..place].to_vec(),
                    sources: story.sources[..place].to_vec(),
                });
            }
        }
    }

    /// The places of this event type. All places for a type that does not happen any more.
    pub(super) fn of(&self, event_type: &str) -> Vec<&Place> {
        match self.0.get(event_type) {
            Some(places) => places.iter().collect(),
            None => self.0.values().flatten().collect(),
        }
    }
}
