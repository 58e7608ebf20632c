//! The laws of reactors.

use std::fmt::{self, Debug};

use cqrs_core::{Reactor, RecordedEvent};

use super::{
    broken::Broken,
    delivery::{add_given, add_when},
    quiet::quietly,
    search::{Search, search_options},
    streams::{Received, Stream, Streams},
};
use crate::spec::{
    calls::Calls, failure::pretty, reactor::then, recorded::envelopes, source::role,
};

/// The laws of a reactor, for generated events on these streams. [`laws!`](macro@crate::laws) declares a test for each.
///
/// Each law panics with the simplest history that breaks it, as a specification to paste.
pub struct ReactorLaws<F> {
    reactor: F,
    streams: Streams,
    search: Search,
}

impl<F> Debug for ReactorLaws<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReactorLaws")
            .field("streams", &self.streams)
            .finish_non_exhaustive()
    }
}

impl<R: Reactor<Commands: Debug + PartialEq>, F: Fn() -> R> ReactorLaws<F> {
    /// For the reactor that `reactor` makes.
    pub fn new(reactor: F, streams: Vec<Stream>) -> Self {
        Self {
            reactor,
            streams: Streams(streams),
            search: Search::default(),
        }
    }

    search_options!("events, or of commands that lead to them,");

    /// No event makes `react` panic.
    #[track_caller]
    pub fn a_reactor_never_panics(&self) {
        self.check("a reactor never panics", |events| {
            let reactor = (self.reactor)();
            for (place, event) in events.iter().enumerate() {
                if let Err(Failed::Panicked(panic)) = react(&reactor, &event.recorded) {
                    let test = test::<R>(&events[..place], event, "then_nothing()");
                    return Err(Broken::new(format!("it panicked: {panic}"), test));
                }
            }
            Ok(())
        });
    }

    /// The commands depend on the event only: no clock, no random numbers.
    #[track_caller]
    pub fn the_same_event_has_the_same_commands(&self) {
        let law = "the same event has the same commands";
        self.check(law, |events| {
            for event in events {
                let react = || react(&(self.reactor)(), &event.recorded);
                let what = "the commands for the same event differ";
                compare::<R>(what, react(), react(), &[], event)?;
            }
            Ok(())
        });
    }

    /// The commands for an event are the same whatever came before it.
    #[track_caller]
    pub fn earlier_events_make_no_difference_to_a_reactor(&self) {
        let law = "earlier events make no difference to a reactor";
        self.check(law, |events| {
            let reactor = (self.reactor)();
            for (place, event) in events.iter().enumerate() {
                let first = react(&(self.reactor)(), &event.recorded);
                let later = react(&reactor, &event.recorded);
                let what = "the commands for an event by itself and after others differ";
                compare::<R>(what, first, later, &events[..place], event)?;
            }
            Ok(())
        });
    }

    #[track_caller]
    fn check(&self, law: &str, holds: impl Fn(&[Received]) -> Result<(), Broken>) {
        let holds = |steps: &[_]| holds(&self.streams.receive(steps));
        self.search
            .of_chance()
            .run(law, &self.streams.steps(), holds);
    }
}

/// Why there are no commands.
enum Failed {
    Panicked(String),
    Error(String),
}

fn react<R: Reactor>(reactor: &R, recorded: &RecordedEvent) -> Result<Vec<R::Commands>, Failed> {
    let events = envelopes::<R::Events>(recorded).map_err(Failed::Error)?;
    let react = || {
        events
            .iter()
            .flat_map(|event| reactor.react(event))
            .collect()
    };
    quietly(react).map_err(Failed::Panicked)
}

/// Compares commands. A panic breaks another law.
fn compare<R: Reactor<Commands: Debug + PartialEq>>(
    what: &str,
    expected: Result<Vec<R::Commands>, Failed>,
    actual: Result<Vec<R::Commands>, Failed>,
    given: &[Received],
    when: &Received,
) -> Result<(), Broken> {
    match (expected, actual) {
        (Err(Failed::Panicked(_)), _) | (_, Err(Failed::Panicked(_))) => Ok(()),
        (Err(Failed::Error(error)), _) | (_, Err(Failed::Error(error))) => {
            Err(Broken::new(error, test::<R>(given, when, "then_nothing()")))
        }
        (Ok(expected), Ok(actual)) if expected == actual => Ok(()),
        (Ok(expected), Ok(actual)) => {
            let test = test::<R>(given, when, &then(&expected));
            Err(Broken::differ(
                what,
                [&pretty(&expected), &pretty(&actual)],
                test,
            ))
        }
    }
}

fn test<R>(given: &[Received], when: &Received, expectation: &str) -> String {
    let mut calls = Calls::default();
    add_given(&mut calls, given);
    add_when(&mut calls, when);
    calls.test(&format!("Spec::reactor({})", role::<R>()), expectation)
}
