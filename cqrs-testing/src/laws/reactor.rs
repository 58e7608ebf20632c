//! The laws of reactors.

use std::fmt::{self, Debug};

use cqrs_core::{Reactor, RecordedEvent};

use super::{
    broken::Broken,
    delivery::{add_given, add_when},
    failed::{Failed, both},
    later::Later,
    quiet::quietly,
    search::{Search, search_options},
    streams::{Received, Stream, Streams},
    tested,
};
use crate::spec::{
    calls::Calls,
    failure::pretty,
    reactor::then,
    recorded::envelopes,
    source::{role, written_test},
};

/// The laws of a reactor, for generated events on these streams. [`laws!`](macro@crate::laws) declares a test for each.
///
/// Each law panics with the simplest history that breaks it, as a specification to paste. It also panics if a stream had no event,
/// or there was no command for any: then it tested nothing.
pub struct ReactorLaws<F> {
    reactor: F,
    streams: Streams,
    search: Search,
    /// The role as it is written in the source.
    written: Option<&'static str>,
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
            written: None,
        }
    }

    /// For printed tests: the reactor as it is written in the source. [`laws!`](macro@crate::laws) calls it.
    #[doc(hidden)]
    #[must_use]
    pub fn written(mut self, written: &'static str) -> Self {
        self.written = Some(written);
        self
    }

    search_options!("events, or of commands that lead to them,");

    /// No event makes `react` panic.
    #[track_caller]
    pub fn a_reactor_never_panics(&self) {
        self.check("a reactor never panics", |events| {
            let reactor = (self.reactor)();
            for (place, event) in events.iter().enumerate() {
                if let Err(Failed::Panicked(panic)) = react(&reactor, &event.recorded) {
                    let test = self.test(&events[..place], event, "then_nothing()");
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
        let (search, later) = (self.search.of_chance().seeded(), Later::default());
        let commands = |event: &Received| react(&(self.reactor)(), &event.recorded);
        let compare = |event: &Received, first: &Reacted<R>| {
            let what = "the commands for the same event differ";
            self.compare(what, first, &commands(event), &[], event)
        };
        self.check_with(&search, law, |events| {
            for event in events {
                let first = commands(event);
                compare(event, &first)?;
                later.keep((event.clone(), first));
            }
            Ok(())
        });
        if let Err(broken) = later.ask(|(event, first)| compare(event, first)) {
            search.found(law, &broken);
        }
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
                self.compare(what, &first, &later, &events[..place], event)?;
            }
            Ok(())
        });
    }

    #[track_caller]
    fn check(&self, law: &str, holds: impl Fn(&[Received]) -> Result<(), Broken>) {
        self.check_with(&self.search.of_chance(), law, holds);
    }

    #[track_caller]
    fn check_with(
        &self,
        search: &Search,
        law: &str,
        holds: impl Fn(&[Received]) -> Result<(), Broken>,
    ) {
        let tested = self.streams.tested();
        search.run(law, &self.streams.steps(), |steps| {
            let events = self.streams.receive(steps);
            let reactions = events.iter().filter(|event| self.reacts(event)).count();
            tested.count(events.iter().map(|event| event.stream), reactions);
            holds(&events)
        });
        let effect = format!("the reactor {} sent no command", role::<R>());
        if let Err(why) = tested.check::<R::Events>(&effect) {
            tested::fail(law, &why);
        }
    }

    /// Whether there is a command for the event. Also if the reactor panics: a law will say so.
    fn reacts(&self, event: &Received) -> bool {
        match react(&(self.reactor)(), &event.recorded) {
            Ok(commands) => !commands.is_empty(),
            Err(Failed::Panicked(_)) => true,
            Err(Failed::Error(_)) => false,
        }
    }

    /// Compares commands. A panic breaks another law.
    fn compare(
        &self,
        what: &str,
        expected: &Reacted<R>,
        actual: &Reacted<R>,
        given: &[Received],
        when: &Received,
    ) -> Result<(), Broken> {
        let error = |error: String| Broken::new(error, self.test(given, when, "then_nothing()"));
        match both(expected, actual).map_err(error)? {
            Some((expected, actual)) if expected != actual => {
                let test = self.test(given, when, &then(expected));
                let commands = [&*pretty(expected), &*pretty(actual)];
                Err(Broken::differ(what, commands, test))
            }
            _ => Ok(()),
        }
    }

    fn test(&self, given: &[Received], when: &Received, expectation: &str) -> String {
        let mut calls = Calls::default();
        add_given(&mut calls, given);
        add_when(&mut calls, when);
        written_test::<R>("reactor", self.written, &calls, expectation)
    }
}

/// The commands for an event.
type Reacted<R> = Result<Vec<<R as Reactor>::Commands>, Failed>;

fn react<R: Reactor>(reactor: &R, recorded: &RecordedEvent) -> Reacted<R> {
    let events = envelopes::<R::Events>(recorded).map_err(Failed::Error)?;
    let react = || {
        events
            .iter()
            .flat_map(|event| reactor.react(event))
            .collect()
    };
    quietly(react).map_err(Failed::Panicked)
}
