use std::panic::catch_unwind;

use cqrs_core::{Aggregate, Context, Decision, Envelope, Event, Reactor, To};
use serde::{Deserialize, Serialize};

use crate::Spec;

#[derive(Debug, Serialize, Deserialize)]
enum DoorEvent {
    Rung,
    Ignored,
}
impl Event for DoorEvent {
    const CATEGORY: &'static str = "door";
}

#[derive(Debug, Default)]
struct Door;
impl Aggregate for Door {
    type Command = u8;
    type Event = DoorEvent;
    type Error = std::convert::Infallible;
    fn handle(&self, _: u8, _: &Context) -> Decision<Self> {
        Ok(vec![])
    }
    fn apply(&mut self, _: DoorEvent) {}
}

#[derive(Debug)]
struct Bell;
impl Reactor for Bell {
    const NAME: &'static str = "bell";
    type Events = DoorEvent;
    type Commands = To<Door>;
    fn react(&self, event: &Envelope<DoorEvent>) -> Vec<To<Door>> {
        match event.event {
            DoorEvent::Rung => vec![To::new(event.id(), 1)],
            DoorEvent::Ignored => vec![],
        }
    }
}

#[test]
fn commands_are_exact() {
    Spec::reactor(Bell)
        .when("front", DoorEvent::Rung)
        .then([To::<Door>::new("front", 1)]);
    Spec::reactor(Bell)
        .when("front", DoorEvent::Ignored)
        .then_nothing();
    let panic = catch_unwind(|| {
        Spec::reactor(Bell)
            .when("front", DoorEvent::Rung)
            .then_nothing();
    })
    .expect_err("sent");
    let message = panic.downcast_ref::<String>().expect("a formatted message");
    assert!(
        message.contains("Spec::reactor(Bell).when(\"front\", DoorEvent::Rung)"),
        "{message}"
    );
}
