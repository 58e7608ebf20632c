//! The expectations of reactors, and the full texts of their failures.

use cqrs_core::{
    Aggregate, Context, Decision, Envelope, Event, OnRejected, Reactor, Rejection, StreamId, To,
    commands,
};
use serde::{Deserialize, Serialize};

use crate::{Spec, spec::fails::failure};

#[derive(Debug, Serialize, Deserialize)]
enum DoorEvent {
    Rung { by: String },
    Ignored,
}
impl Event for DoorEvent {
    const CATEGORY: &'static str = "door";
}

#[derive(Debug, Clone, PartialEq)]
enum DoorCommand {
    Open { by: String },
    Lock,
}

#[derive(Debug, Default)]
struct Door;
impl Aggregate for Door {
    type Command = DoorCommand;
    type Event = DoorEvent;
    type Error = std::convert::Infallible;
    fn handle(&self, _: DoorCommand, _: &Context) -> Decision<Self> {
        Ok(vec![])
    }
    fn apply(&mut self, _: DoorEvent) {}
}

#[derive(Debug, Default)]
struct Lamp;
impl Aggregate for Lamp {
    type Command = u8;
    type Event = DoorEvent;
    type Error = std::convert::Infallible;
    fn handle(&self, _: u8, _: &Context) -> Decision<Self> {
        Ok(vec![])
    }
    fn apply(&mut self, _: DoorEvent) {}
}

commands! {
    #[derive(Debug, PartialEq)]
    enum House { Door(Door), Lamp(Lamp) }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(&'static str);

#[derive(Debug)]
struct Bell;
impl Reactor for Bell {
    const NAME: &'static str = "bell";
    type Events = DoorEvent;
    type Commands = House;
    fn react(&self, event: &Envelope<DoorEvent>) -> Vec<House> {
        match &event.event {
            DoorEvent::Rung { by } => {
                let open = DoorCommand::Open { by: by.clone() };
                let lamp = event.recorded.metadata.headers.get("lamp");
                let lamp = lamp.map_or("hall", String::as_str);
                vec![
                    To::<Door>::new(event.id(), open).into(),
                    To::<Lamp>::new(lamp, 1).into(),
                ]
            }
            DoorEvent::Ignored => vec![],
        }
    }
    fn rejected(&self, _: &Envelope<DoorEvent>, rejection: &Rejection) -> OnRejected<House> {
        match rejection.downcast_ref() {
            Some(Refused("locked")) => {
                OnRejected::Instead(vec![To::<Door>::new("back", DoorCommand::Lock).into()])
            }
            Some(Refused("open")) => OnRejected::Ignore,
            _ => OnRejected::Fail,
        }
    }
}

fn rung() -> DoorEvent {
    let by = "ada".to_owned();
    DoorEvent::Rung { by }
}

fn sent(lamp: &str) -> [House; 2] {
    let by = "ada".to_owned();
    [
        To::<Door>::new("front", DoorCommand::Open { by }).into(),
        To::<Lamp>::new(lamp, 1).into(),
    ]
}

#[test]
fn a_met_expectation_passes() {
    Spec::reactor(Bell).when("front", rung()).then(sent("hall"));
    Spec::reactor(Bell)
        .given("back", [rung()])
        .header("lamp", "porch")
        .when("front", rung())
        .then(sent("porch"));
    Spec::reactor(Bell)
        .when("front", DoorEvent::Ignored)
        .then_nothing();
    Spec::reactor(Bell)
        .when_stored::<DoorEvent>("front", "Rung", 1, r#"{"by":"ada"}"#)
        .then(sent("hall"));
}

#[test]
fn other_commands_fail_with_the_difference_and_a_test() {
    let text = failure(|| {
        let [open, _] = sent("hall");
        Spec::reactor(Bell)
            .header("user", "ann")
            .given("front", [DoorEvent::Ignored])
            .when("front", rung())
            .then([open]);
    });
    assert_eq!(
        text,
        r#"commands differ (- expected, + actual):
    [
        Door(
            To {
                id: "front",
                command: Open {
                    by: "ada",
                },
            },
        ),
  +     Lamp(
  +         To {
  +             id: "hall",
  +             command: 1,
  +         },
  +     ),
    ]

this would pass:

Spec::reactor(Bell)
    .header("user", "ann")
    .given("front", [DoorEvent::Ignored])
    .when("front", DoorEvent::Rung { by: "ada".into() })
    .then([To::<Door>::new("front", DoorCommand::Open { by: "ada".into() }).into(), To::<Lamp>::new("hall", 1).into()]);
"#
    );
}

#[test]
fn a_command_to_one_aggregate_is_printed_as_its_constructor() {
    let to = [To::<Lamp>::new("hall", 1)];
    let text = super::sent::then(&to);
    assert_eq!(text, r#"then([To::<Lamp>::new("hall", 1)])"#);
}

#[test]
fn reactions_to_a_rejection_are_told_apart() {
    let rejected = |why| {
        let stream = StreamId::of::<DoorEvent>("front").expect("a valid id");
        let rejection = Rejection::new(stream, Refused(why));
        Spec::reactor(Bell).when_rejected("front", rung(), &rejection)
    };
    rejected("locked").then([To::<Door>::new("back", DoorCommand::Lock).into()]);
    rejected("open").then_nothing();
    rejected("burnt").then_fail();
    let text = failure(move || rejected("locked").then_fail());
    assert_eq!(
        text,
        r#"reactions differ (- expected, + actual):
  - Fail
  + Instead(
  +     [
  +         Door(
  +             To {
  +                 id: "back",
  +                 command: Lock,
  +             },
  +         ),
  +     ],
  + )

this would pass:

// `rejection`: as in the test that failed.
Spec::reactor(Bell)
    .when_rejected("front", DoorEvent::Rung { by: "ada".into() }, &rejection)
    .then([To::<Door>::new("back", DoorCommand::Lock).into()]);
"#
    );
}
