//! Planted bugs in reactors.

use std::sync::atomic::{AtomicU8, Ordering};

use cqrs_core::{Aggregate, Context, Decision, Envelope, Event, Reactor, To};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::{Spec, laws::ReactorLaws, spec::fails::failure};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum DoorEvent {
    Rung { times: u8 },
}
impl Event for DoorEvent {
    const CATEGORY: &'static str = "door";
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

/// Declares a reactor that sends a number to a lamp.
macro_rules! reactor {
    ($(#[$meta:meta])* $reactor:ident { $($field:ident: $type:ty)? }, $react:expr) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        struct $reactor { $($field: $type)? }
        impl Reactor for $reactor {
            const NAME: &'static str = stringify!($reactor);
            type Events = DoorEvent;
            type Commands = To<Lamp>;
            fn react(&self, event: &Envelope<DoorEvent>) -> Vec<To<Lamp>> {
                let DoorEvent::Rung { times } = event.event;
                let react: fn(&Self, u8) -> u8 = $react;
                vec![To::new("hall", react(self, times))]
            }
        }
    };
}

fn laws<R: Reactor<Commands = To<Lamp>> + Default>() -> ReactorLaws<fn() -> R> {
    let rung = any::<u8>().prop_map(|times| DoorEvent::Rung { times });
    let reactor: fn() -> R = R::default;
    ReactorLaws::new(reactor, vec![("front", rung).into()]).config(config())
}

fn broken_laws_of<R: Reactor<Commands = To<Lamp>> + Default>() -> Vec<&'static str> {
    broken_laws!(
        laws::<R>(),
        a_reactor_never_panics()
        the_same_event_has_the_same_commands()
        earlier_events_make_no_difference_to_a_reactor()
    )
}

reactor!(Bell {}, |_, times| times);

#[test]
fn a_reactor_without_bugs_breaks_no_law() {
    assert_eq!(broken_laws_of::<Bell>(), Vec::<&str>::new());
}

reactor!(
    /// Panics when it rings twice as often as it can count.
    Doubling {}, |_, times| times.checked_mul(2).expect("it can count that far")
);

#[test]
fn a_panic_in_a_reactor_is_found() {
    assert_eq!(broken_laws_of::<Doubling>(), ["a_reactor_never_panics"]);
    let text = broken(|| laws::<Doubling>().a_reactor_never_panics()).expect("it is broken");
    assert_eq!(
        text,
        "broken law: a reactor never panics

it panicked: it can count that far

this test fails until the law holds:

Spec::reactor(Doubling)
    .when(\"front\", DoorEvent::Rung { times: 128 })
    .then_nothing();

PROPTEST_RNG_SEED=1 repeats this run
"
    );
}

reactor!(
    /// Rings as often as it likes.
    Moody {}, |_, times| times ^ fastrand::u8(..)
);

#[test]
fn a_random_command_is_found() {
    let text =
        broken(|| laws::<Moody>().the_same_event_has_the_same_commands()).expect("it is broken");
    let what = "the commands for the same event differ";
    assert!(text.contains(what), "{text}");
    let test = "
Spec::reactor(Moody)
    .when(\"front\", DoorEvent::Rung { times: 0 })
    .then([To::<Lamp>::new(\"hall\", ";
    assert!(text.contains(test), "{text}");
}

reactor!(
    /// Rings as often as ever before.
    Remembering { most: AtomicU8 },
    |reactor, times| reactor.most.fetch_max(times, Ordering::Relaxed).max(times)
);

#[test]
fn a_reactor_that_remembers_is_found() {
    assert_eq!(
        broken_laws_of::<Remembering>(),
        ["earlier_events_make_no_difference_to_a_reactor"]
    );
    let laws = laws::<Remembering>();
    let text =
        broken(|| laws.earlier_events_make_no_difference_to_a_reactor()).expect("it is broken");
    assert_eq!(
        text,
        r#"broken law: earlier events make no difference to a reactor

the commands for an event by itself and after others differ (- expected, + actual):
    [
        To {
            id: "hall",
  -         command: 0,
  +         command: 1,
        },
    ]

this test fails until the law holds:

// `reactor`: as in the test that failed.
Spec::reactor(reactor)
    .given("front", [DoorEvent::Rung { times: 1 }])
    .when("front", DoorEvent::Rung { times: 0 })
    .then([To::<Lamp>::new("hall", 0)]);

PROPTEST_RNG_SEED=1 repeats this run
"#
    );
    failure(|| {
        Spec::reactor(Remembering::default())
            .given("front", [DoorEvent::Rung { times: 1 }])
            .when("front", DoorEvent::Rung { times: 0 })
            .then([To::<Lamp>::new("hall", 0)]);
    });
}
