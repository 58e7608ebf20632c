//! A law that tested nothing fails, and says how to help the strategy.

use std::time::Duration;

use cqrs_core::{Aggregate, Context, Decision, DocumentKeys, Envelope, Event, Reactor, To, View};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::laws::{AggregateLaws, ReactorLaws, Stream, ViewLaws, history_of};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum GateEvent {
    Opened,
    Passed,
}
impl Event for GateEvent {
    const CATEGORY: &'static str = "gate";
}

#[derive(Debug, Clone, PartialEq)]
enum GateCommand {
    Open,
    Pass,
}

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the gate is closed")]
struct Closed;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Gate {
    open: bool,
}
impl Aggregate for Gate {
    type Command = GateCommand;
    type Event = GateEvent;
    type Error = Closed;
    fn handle(&self, command: GateCommand, _: &Context) -> Decision<Self> {
        match (command, self.open) {
            (GateCommand::Open, true) => Ok(vec![]),
            (GateCommand::Open, false) => Ok(vec![GateEvent::Opened]),
            (GateCommand::Pass, true) => Ok(vec![GateEvent::Passed]),
            (GateCommand::Pass, false) => Err(Closed),
        }
    }
    fn apply(&mut self, _: GateEvent) {
        self.open = true;
    }
}

#[derive(Debug)]
struct Passages;
impl View for Passages {
    const NAME: &'static str = "passages";
    type Events = GateEvent;
    type Document = u32;
    fn keys(&self, event: &Envelope<GateEvent>) -> DocumentKeys {
        match event.event {
            GateEvent::Opened => DocumentKeys::none(),
            GateEvent::Passed => event.id().into(),
        }
    }
    fn apply(&self, _: &str, count: Option<u32>, _: &Envelope<GateEvent>) -> Option<u32> {
        Some(count.unwrap_or_default() + 1)
    }
}

#[derive(Debug)]
struct Open;
impl Reactor for Open {
    const NAME: &'static str = "open";
    type Events = GateEvent;
    type Commands = To<Gate>;
    fn react(&self, event: &Envelope<GateEvent>) -> Vec<To<Gate>> {
        match event.event {
            GateEvent::Opened => vec![],
            GateEvent::Passed => vec![To::new("next", GateCommand::Open)],
        }
    }
}

fn only(command: GateCommand) -> AggregateLaws<Gate> {
    AggregateLaws::new(Just(command)).config(config())
}

#[test]
fn no_law_of_an_aggregate_passes_without_an_event() {
    let old = || vec![("Passed", 1, Just(())).into()];
    let laws = only(GateCommand::Pass);
    let broken_laws = broken_laws!(
        laws,
        handle_and_apply_never_panic()
        a_decision_is_the_same_twice()
        a_replay_is_deterministic()
        a_snapshot_at_any_cut_is_transparent()
        events_survive_encoding()
        a_repeated_command_adds_nothing(|_| true)
        old_events_stay_readable(old())
    );
    assert_eq!(broken_laws.len(), 7, "{broken_laws:?}");
    let text = broken(|| laws.a_replay_is_deterministic()).expect("it is broken");
    let (before, after) = text.split_once(" commands led").expect("a number of them");
    let (before, count) = before.rsplit_once(' ').expect("a number");
    assert!(count.parse::<u32>().is_ok_and(|count| count > 64), "{text}");
    assert_eq!(
        before,
        "untested law: a replay is deterministic\n\nno event happened in 64 histories: none of the"
    );
    assert_eq!(
        after,
        " to one. The first: `Pass` was rejected: the gate is closed.

Let the strategy of commands make one that the aggregate accepts in its first state, beside the others: \
`prop_oneof![Just(Open { .. }), any_deposit()]`. Draw ids and amounts from small ranges: they meet more often. If events need \
time to pass, add `pauses = any_duration()`.
"
    );
}

/// Decides only after a minute.
#[derive(Debug, Default, PartialEq)]
struct Slow;
impl Aggregate for Slow {
    type Command = ();
    type Event = GateEvent;
    type Error = Closed;
    fn handle(&self, (): (), context: &Context) -> Decision<Self> {
        let minute = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(60);
        Ok(if context.now < minute {
            vec![]
        } else {
            vec![GateEvent::Passed]
        })
    }
    fn apply(&mut self, _: GateEvent) {}
}

#[test]
fn a_command_without_an_event_is_named() {
    let laws = || AggregateLaws::<Slow>::new(Just(())).config(config());
    let text = broken(|| laws().events_survive_encoding()).expect("it is broken");
    assert!(
        text.contains("The first: `()` was accepted without an event."),
        "{text}"
    );
    let in_time = laws().pauses(Just(Duration::from_secs(60)));
    assert_eq!(broken(|| in_time.events_survive_encoding()), None);
}

#[test]
fn a_repetition_of_nothing_is_found() {
    let text = broken(|| only(GateCommand::Open).a_repeated_command_adds_nothing(|_| false));
    let text = text.expect("it is broken");
    assert!(
        text.contains("no command was repeated: `repeats` accepts none that adds events"),
        "{text}"
    );
    let opened = broken(|| only(GateCommand::Open).a_repeated_command_adds_nothing(|_| true));
    assert_eq!(opened, None);
}

fn view(streams: Vec<Stream>) -> ViewLaws<fn() -> Passages> {
    ViewLaws::new((|| Passages) as fn() -> Passages, streams).config(config())
}

fn reactor(streams: Vec<Stream>) -> ReactorLaws<fn() -> Open> {
    ReactorLaws::new((|| Open) as fn() -> Open, streams).config(config())
}

#[test]
fn a_stream_without_events_is_found() {
    let streams = || {
        let never = history_of::<Gate>(Just(GateCommand::Pass));
        vec![("a", Just(GateEvent::Passed)).into(), ("b", never).into()]
    };
    let text = broken(|| view(streams()).a_view_never_panics()).expect("it is broken");
    assert!(
        text.starts_with(
            "untested law: a view never panics\n\nthe stream \"b\" had no event in 64 histories.\n"
        ),
        "{text}"
    );
    let text = broken(|| reactor(streams()).a_reactor_never_panics()).expect("it is broken");
    assert!(text.contains("the stream \"b\" had no event"), "{text}");
}

#[test]
fn events_without_an_effect_are_found() {
    let opened = || {
        vec![
            ("a", Just(GateEvent::Opened)).into(),
            ("b", Just(GateEvent::Opened)).into(),
        ]
    };
    let laws = view(opened());
    let broken_laws = broken_laws!(
        laws,
        a_view_never_panics()
        batches_make_no_difference_to_a_view()
        a_rebuilt_view_is_the_same()
        the_order_between_streams_makes_no_difference()
        duplicates_make_no_difference()
    );
    assert_eq!(broken_laws.len(), 5, "{broken_laws:?}");
    let text = broken(|| laws.a_view_never_panics()).expect("it is broken");
    assert!(
        text.contains("the view Passages changed no document for any of the "),
        "{text}"
    );
    assert!(
        text.contains("It reads events of `gate`: let the streams have those"),
        "{text}"
    );

    let laws = reactor(opened());
    let broken_laws = broken_laws!(
        laws,
        a_reactor_never_panics()
        the_same_event_has_the_same_commands()
        earlier_events_make_no_difference_to_a_reactor()
    );
    assert_eq!(broken_laws.len(), 3, "{broken_laws:?}");
}

#[test]
fn one_stream_has_no_other_order() {
    let laws = view(vec![("a", Just(GateEvent::Passed)).into()]);
    let text = broken(|| laws.the_order_between_streams_makes_no_difference());
    let text = text.expect("it is broken");
    assert!(
        text.contains("there is one stream, so there is no other order"),
        "{text}"
    );
}
