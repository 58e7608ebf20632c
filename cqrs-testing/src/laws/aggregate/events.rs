//! The law of events: they survive their stored form.

use std::fmt::Debug;

use cqrs_core::{Aggregate, Event, RecordedEvent};

use super::AggregateLaws;
use crate::{
    laws::{
        broken::Broken,
        commands::{Ended, Story},
    },
    spec::{
        failure::pretty,
        recorded::{Content, envelopes},
        source::sources,
    },
};

impl<A: Aggregate<Command: Debug, Event: Debug + PartialEq>> AggregateLaws<A> {
    /// An event is equal after it was encoded and decoded, and encoding it again gives the same bytes.
    #[track_caller]
    pub fn events_survive_encoding(&self) {
        self.check("events survive encoding", survive);
    }
}

fn survive<A: Aggregate<Command: Debug, Event: Debug + PartialEq>>(
    story: &Story<A>,
) -> Result<(), Broken> {
    for step in &story.steps {
        let test = story.test(step, &format!("then({})", sources(&step.decided)));
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

/// The event is equal after it was stored, and has the same bytes again.
pub(super) fn survives<E: Event + Debug + PartialEq>(
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
        let broken = Broken::differ(what, [&*payloads[0], &*payloads[1]], "");
        return Err(broken.where_passes(""));
    }
    Ok(())
}
