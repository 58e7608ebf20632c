//! Laws of older events: they stay readable, from a strategy or from the file of a catalogue.

use std::{
    fmt::{self, Debug},
    path::Path,
};

use cqrs_core::{Aggregate, Event, RecordedEvent};
use proptest::strategy::{BoxedStrategy, Strategy, Union};
use serde::Serialize;

use super::{
    AggregateLaws,
    events::survives,
    places::{Place, Places},
};
use crate::{
    catalogue::golden::golden,
    laws::{
        broken::Broken,
        commands::fold,
        quiet::quietly,
        search::Search,
        tested::{self, of},
    },
    spec::{
        calls::Calls,
        recorded::{Content, Recorder, envelopes},
        source::{constructor, raw, sources},
    },
};

impl<A: Aggregate<Command: Debug, Event: Debug + PartialEq>> AggregateLaws<A> {
    /// Events of older shapes decode, are applied where the aggregate decides such events, and what they became survives encoding.
    #[track_caller]
    pub fn old_events_stay_readable(&self, old: Vec<OldEvents>) {
        let law = "old events stay readable";
        let mut search = self.search.seeded();
        let places = self.places(law, &search);
        let old = Union::new(old.into_iter().map(|old| old.0));
        search.longest = 1;
        search.run(law, &old, |old| {
            old.iter()
                .try_for_each(|old| is_readable::<A>(old, &places))
        });
    }

    /// Every event in the file of a [`Catalogue`](crate::Catalogue) decodes, is applied where the aggregate decides such events,
    /// and what it became survives encoding.
    #[track_caller]
    pub fn events_in_the_catalogue_stay_readable(&self, file: &Path) {
        let law = "events in the catalogue stay readable";
        let search = self.search.seeded();
        let places = self.places(law, &search);
        let events = golden(file, A::Event::CATEGORY).unwrap_or_else(|error| panic!("{error}"));
        for event in events {
            let old = OldEvent {
                event_type: event.event_type,
                schema_version: event.schema_version,
                payload: event.payload,
            };
            if let Err(broken) = is_readable::<A>(&old, &places) {
                search.found(law, &broken);
            }
        }
    }

    #[track_caller]
    fn places(&self, law: &str, search: &Search) -> Places {
        Places::draw(self, search).unwrap_or_else(|why| tested::fail(law, &why))
    }
}

/// Events as they were stored: the type, the schema version, and a strategy of payloads.
#[derive(Debug)]
pub struct OldEvents(BoxedStrategy<OldEvent>);

impl<S> From<(&'static str, u32, S)> for OldEvents
where
    S: Strategy<Value: Serialize> + 'static,
{
    fn from((event_type, schema_version, payloads): (&'static str, u32, S)) -> Self {
        let stored = move |payload| OldEvent {
            event_type: event_type.to_owned(),
            schema_version,
            payload: serde_json::to_string(&payload).expect("a payload is written as JSON"),
        };
        Self(payloads.prop_map(stored).boxed())
    }
}

#[derive(Clone)]
struct OldEvent {
    event_type: String,
    schema_version: u32,
    payload: String,
}

impl Debug for OldEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.payload)
    }
}

impl OldEvent {
    /// The event as it is recorded on the stream of a specification.
    fn recorded<E: Event>(&self, recorder: &mut Recorder) -> Result<RecordedEvent, String> {
        let content = Content::stored::<E>(&self.event_type, self.schema_version, &self.payload);
        recorder.record("spec", content)
    }

    /// A specification that reads it after these events.
    fn test<A: Aggregate>(&self, before: &[String]) -> String {
        let mut calls = Calls::default();
        if !before.is_empty() {
            calls.add("given", &format!("[{}]", before.join(", ")));
        }
        let payload = raw(&self.payload);
        let arguments = format!("{:?}, {}, {payload}", self.event_type, self.schema_version);
        calls.add("given_stored", &arguments);
        calls.test(&constructor::<A>(), "then_readable()")
    }
}

fn is_readable<A: Aggregate<Event: Debug + PartialEq>>(
    old: &OldEvent,
    places: &Places,
) -> Result<(), Broken> {
    let mut recorder = Recorder::default();
    let error = |error: String| Broken::new(error, old.test::<A>(&[]));
    let recorded = old.recorded::<A::Event>(&mut recorder).map_err(error)?;
    let read = envelopes::<A::Event>(&recorded).map_err(error)?;
    let events: Vec<_> = read.into_iter().map(|read| read.event).collect();

    let Some(first) = events.first() else {
        return Ok(());
    };
    for event in &events {
        again_readable::<A>(event, &mut recorder)?;
    }
    let event_type = Content::of(first).map_err(error)?.event_type;
    is_applied::<A>(old, &recorded, &places.of(&event_type))
}

/// What the old event became can be stored once more.
fn again_readable<A: Aggregate<Event: Debug + PartialEq>>(
    event: &A::Event,
    recorder: &mut Recorder,
) -> Result<(), Broken> {
    let mut calls = Calls::default();
    calls.add("given", &sources(std::slice::from_ref(event)));
    let test = calls.test(&constructor::<A>(), "then_readable()");

    let content = Content::of(event).map_err(|error| Broken::new(error, &*test))?;
    let recorded = recorder.record("spec", content);
    let recorded = recorded.map_err(|error| Broken::new(error, &*test))?;
    survives(event, &recorded).map_err(|broken| broken.where_passes(&test))
}

/// `apply` takes the event at one of the places. It need not at all of them: a generated payload may not fit the history.
fn is_applied<A: Aggregate<Event: Debug>>(
    old: &OldEvent,
    recorded: &RecordedEvent,
    places: &[&Place],
) -> Result<(), Broken> {
    let apply = |place: &Place| {
        let mut state = A::default();
        let events = place.events.iter().chain([recorded]);
        quietly(|| fold(&mut state, events)).flatten()
    };
    let mut first = None;
    for place in places {
        match apply(place) {
            Ok(()) => return Ok(()),
            Err(panic) => first = first.or(Some((panic, place))),
        }
    }
    first.map_or(Ok(()), |(panic, place)| {
        let states = of(places.len(), "state", "states");
        let what = format!(
            "apply panicked on it in each of {states} in which such an event happens: {panic}"
        );
        Err(Broken::new(what, old.test::<A>(&place.sources)))
    })
}
