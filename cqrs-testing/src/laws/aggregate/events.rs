//! Laws of events: they survive their stored form, and older ones stay readable.

use std::{
    fmt::{self, Debug},
    path::Path,
};

use cqrs_core::{Aggregate, Event, RecordedEvent};
use proptest::strategy::{BoxedStrategy, Strategy, Union};
use serde::Serialize;

use super::AggregateLaws;
use crate::{
    catalogue::golden::golden,
    laws::{
        broken::Broken,
        commands::{Ended, Story, constructor},
    },
    spec::{
        calls::Calls,
        failure::pretty,
        recorded::{Content, Recorder, envelopes},
        source::raw,
    },
};

impl<A: Aggregate<Command: Debug, Event: Debug + PartialEq>> AggregateLaws<A> {
    /// An event is equal after it was encoded and decoded, and encoding it again gives the same bytes.
    #[track_caller]
    pub fn events_survive_encoding(&self) {
        self.check("events survive encoding", survive);
    }

    /// Events of older shapes decode, and what they became survives encoding.
    #[track_caller]
    pub fn old_events_stay_readable(&self, old: Vec<OldEvents>) {
        let old = Union::new(old.into_iter().map(|old| old.0));
        let mut search = self.search.clone();
        search.longest = 1;
        search.run("old events stay readable", &old, |old| {
            old.iter().try_for_each(is_readable::<A>)
        });
    }

    /// Every event in the file of a [`Catalogue`](crate::Catalogue) decodes, and what it became survives encoding.
    #[track_caller]
    pub fn events_in_the_catalogue_stay_readable(&self, file: &Path) {
        let events = golden(file, A::Event::CATEGORY).unwrap_or_else(|error| panic!("{error}"));
        for event in events {
            let old = OldEvent {
                event_type: event.event_type,
                schema_version: event.schema_version,
                payload: event.payload,
            };
            if let Err(broken) = is_readable::<A>(&old) {
                panic!(
                    "{}",
                    broken.message("events in the catalogue stay readable")
                );
            }
        }
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

fn survive<A: Aggregate<Command: Debug, Event: Debug + PartialEq>>(
    story: &Story<A>,
) -> Result<(), Broken> {
    for step in &story.steps {
        let test = story.test(
            step,
            &format!("then({})", crate::spec::source::sources(&step.decided)),
        );
        for (event, recorded) in step.decided.iter().zip(story.recorded(step)) {
            survives(event, recorded).map_err(|broken| broken.with_test(&test))?;
        }
    }
    match &story.ended {
        Some((step, Ended::Unstorable(events, error))) => {
            let test = story.test(step, &format!("then([{}])", events.join(", ")));
            Err(Broken::new(error, test))
        }
        _ => Ok(()),
    }
}

fn survives<E: Event + Debug + PartialEq>(
    event: &E,
    recorded: &RecordedEvent,
) -> Result<(), Broken> {
    let read = envelopes::<E>(recorded).map_err(|error| Broken::new(error, ""))?;
    let [read] = &read[..] else {
        return Err(Broken::new(format!("it becomes {} events", read.len()), ""));
    };
    if read.event != *event {
        let events = [&*pretty(event), &*pretty(&read.event)];
        return Err(Broken::differ(
            "an event changes when it is stored",
            events,
            "",
        ));
    }
    let again = Content::of(&read.event).map_err(|error| Broken::new(error, ""))?;
    if again.payload != recorded.payload {
        let payloads =
            [&recorded.payload, &again.payload].map(|bytes| String::from_utf8_lossy(bytes));
        let what = "an event has other bytes when it is encoded again";
        return Err(Broken::differ(what, [&*payloads[0], &*payloads[1]], ""));
    }
    Ok(())
}

fn is_readable<A: Aggregate<Event: Debug + PartialEq>>(old: &OldEvent) -> Result<(), Broken> {
    let OldEvent {
        event_type,
        schema_version,
        payload,
    } = old;
    let mut calls = Calls::default();
    let arguments = format!("{event_type:?}, {schema_version}, {}", raw(payload));
    calls.add("given_stored", &arguments);
    let test = calls.test(&constructor::<A>(), "then_state(state)");
    let error = |error: String| Broken::new(error, &*test);

    let mut recorder = Recorder::default();
    let content = Content::stored::<A::Event>(event_type, *schema_version, payload);
    let recorded = recorder.record("spec", content).map_err(error)?;
    for read in envelopes::<A::Event>(&recorded).map_err(error)? {
        let content = Content::of(&read.event).map_err(error)?;
        let recorded = recorder.record("spec", content).map_err(error)?;
        survives(&read.event, &recorded).map_err(|broken| broken.with_test(&test))?;
    }
    Ok(())
}
