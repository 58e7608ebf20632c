//! A clock that is read in whole seconds: two readings at once are equal.

use std::time::SystemTime;

use cqrs_core::{Aggregate, Context, Decision, DocumentKeys, Envelope, Event, Reactor, To, View};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::laws::{AggregateLaws, ReactorLaws, Stream, ViewLaws};

fn seconds() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.expect("after 1970").as_secs()
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum StampEvent {
    Stamped { letter: u8, at: u64 },
}
impl Event for StampEvent {
    const CATEGORY: &'static str = "stamp";
}

/// Reads the clock when it decides.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Deciding(u8);
impl Aggregate for Deciding {
    type Command = u8;
    type Event = StampEvent;
    type Error = std::convert::Infallible;
    fn handle(&self, letter: u8, _: &Context) -> Decision<Self> {
        let at = seconds();
        Ok(vec![StampEvent::Stamped { letter, at }])
    }
    fn apply(&mut self, StampEvent::Stamped { letter, .. }: StampEvent) {
        self.0 = letter;
    }
}

#[test]
fn whole_seconds_in_a_decision_are_found() {
    let laws = AggregateLaws::<Deciding>::new(any::<u8>()).config(config());
    let text = broken(|| laws.a_decision_is_the_same_twice()).expect("it is broken");
    let what =
        "asked again in another second, so a clock is read: two decisions on the same state differ";
    assert!(text.contains(what), "{text}");
    // A history of one command is the simplest.
    let when = "\nSpec::<Deciding>::new()\n    .when(";
    assert!(text.contains(when), "{text}");
    assert!(
        text.ends_with("\nPROPTEST_RNG_SEED=1 repeats this run\n"),
        "{text}"
    );
}

/// Reads the clock when an event is applied.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Applying(u64);
impl Aggregate for Applying {
    type Command = u8;
    type Event = StampEvent;
    type Error = std::convert::Infallible;
    fn handle(&self, letter: u8, _: &Context) -> Decision<Self> {
        Ok(vec![StampEvent::Stamped { letter, at: 0 }])
    }
    fn apply(&mut self, _: StampEvent) {
        self.0 = seconds();
    }
}

#[test]
fn whole_seconds_in_a_state_are_found() {
    let laws = AggregateLaws::<Applying>::new(any::<u8>()).config(config());
    let text = broken(|| laws.a_replay_is_deterministic()).expect("it is broken");
    let what = "so a clock is read: two replays of the same events make states that differ";
    assert!(text.contains(what), "{text}");
    assert_eq!(broken(|| laws.a_decision_is_the_same_twice()), None);
}

/// Reads the clock when an event arrives.
#[derive(Debug)]
struct Arrivals;
impl View for Arrivals {
    const NAME: &'static str = "arrivals";
    type Events = StampEvent;
    type Document = u64;
    fn keys(&self, event: &Envelope<StampEvent>) -> DocumentKeys {
        event.id().into()
    }
    fn apply(&self, _: &str, _: Option<u64>, _: &Envelope<StampEvent>) -> Option<u64> {
        Some(seconds())
    }
}
impl Reactor for Arrivals {
    const NAME: &'static str = "arrivals";
    type Events = StampEvent;
    type Commands = To<Deciding>;
    fn react(&self, _: &Envelope<StampEvent>) -> Vec<To<Deciding>> {
        let last_digit = u8::try_from(seconds() % 10);
        vec![To::new("a", last_digit.expect("a digit"))]
    }
}

fn streams() -> Vec<Stream> {
    let stamped = any::<u8>().prop_map(|letter| StampEvent::Stamped { letter, at: 0 });
    vec![("a", stamped).into()]
}

#[test]
fn whole_seconds_in_a_document_are_found() {
    let laws = ViewLaws::new(|| Arrivals, streams()).config(config());
    let text = broken(|| laws.a_rebuilt_view_is_the_same()).expect("it is broken");
    let what = "so a clock is read: the documents before and after a rebuild differ";
    assert!(text.contains(what), "{text}");
}

#[test]
fn whole_seconds_in_a_command_are_found() {
    let laws = ReactorLaws::new(|| Arrivals, streams()).config(config());
    let text = broken(|| laws.the_same_event_has_the_same_commands()).expect("it is broken");
    let what = "so a clock is read: the commands for the same event differ";
    assert!(text.contains(what), "{text}");
}
