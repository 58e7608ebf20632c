//! Specifications of aggregates: given events, when a command, then events.

use std::{
    fmt::{self, Debug},
    time::SystemTime,
};

use cqrs_core::{Aggregate, Decision, Simulation};

use super::{
    Spec,
    failure::{differ, enum_name, list, source, sources},
};

/// The default id of the aggregate.
const ID: &str = "spec";

/// The events before the command.
#[derive(Debug)]
pub struct Given<A> {
    simulation: Simulation<A>,
    /// The events, as source text.
    events: Vec<String>,
}

/// The decision of the aggregate.
#[must_use = "add an expectation: then(..), then_nothing() or then_rejected(..)"]
pub struct Outcome<A: Aggregate> {
    decision: Decision<A>,
    given: Vec<String>,
    when: String,
}

impl<A: Aggregate> fmt::Debug for Outcome<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("given", &self.given)
            .field("when", &self.when)
            .finish_non_exhaustive()
    }
}

impl<A: Aggregate<Event: Debug>> Spec<A> {
    /// Sets the events before the command.
    #[must_use]
    pub fn given(self, events: impl IntoIterator<Item = A::Event>) -> Given<A> {
        Given::default().given(events)
    }

    /// Sets the aggregate's id; `spec` by default.
    #[must_use]
    pub fn id(self, id: &str) -> Given<A> {
        Given::default().id(id)
    }

    /// Sets the command's time; the Unix epoch by default.
    #[must_use]
    pub fn at(self, now: SystemTime) -> Given<A> {
        Given::default().at(now)
    }

    /// Sends the command to an aggregate without events.
    pub fn when(self, command: A::Command) -> Outcome<A>
    where
        A::Command: Debug,
    {
        Given::default().when(command)
    }
}

impl<A: Aggregate> Default for Given<A> {
    fn default() -> Self {
        Self {
            simulation: Simulation::new(ID, SystemTime::UNIX_EPOCH),
            events: Vec::new(),
        }
    }
}

impl<A: Aggregate<Event: Debug>> Given<A> {
    /// Adds events before the command.
    #[must_use]
    pub fn given(mut self, events: impl IntoIterator<Item = A::Event>) -> Self {
        for event in events {
            self.events.push(source(&event));
            self.simulation.apply([event]);
        }
        self
    }

    /// Sets the aggregate's id; `spec` by default.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.simulation.context.id = id.into();
        self
    }

    /// Sets the command's time; the Unix epoch by default.
    #[must_use]
    pub fn at(mut self, now: SystemTime) -> Self {
        self.simulation.context.now = now;
        self
    }

    /// Sends the command to the aggregate.
    pub fn when(self, command: A::Command) -> Outcome<A>
    where
        A::Command: Debug,
    {
        let when = source(&command);
        Outcome {
            decision: self.simulation.decide(command),
            given: self.events,
            when,
        }
    }
}

impl<A: Aggregate<Event: Debug + PartialEq>> Outcome<A> {
    /// Expects exactly these events, in this order.
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = A::Event>) {
        let expected = Vec::from_iter(events);
        match &self.decision {
            Ok(actual) if *actual == expected => {}
            Ok(actual) => self.fail("events", &list(&expected), &list(actual)),
            Err(error) => self.fail("outcomes", &list(&expected), &format!("rejected: {error}")),
        }
    }

    /// Expects that the command is accepted without events.
    #[track_caller]
    pub fn then_nothing(self) {
        self.then([]);
    }

    /// Expects that the command is rejected with this error.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "takes a value, like `then`")]
    pub fn then_rejected(self, expected: A::Error)
    where
        A::Error: PartialEq,
    {
        match &self.decision {
            Err(actual) if *actual == expected => {}
            Err(actual) => self.fail(
                "reasons",
                &format!("{expected:#?}"),
                &format!("{actual:#?}"),
            ),
            Ok(actual) => self.fail("outcomes", &format!("rejected: {expected}"), &list(actual)),
        }
    }

    #[track_caller]
    fn fail(&self, what: &str, expected: &str, actual: &str) -> ! {
        differ(what, expected, actual, &self.passing());
    }

    /// The test with the actual outcome.
    fn passing(&self) -> String {
        let aggregate = enum_name::<A>().unwrap_or("Aggregate");
        let given = match self.given.join(", ") {
            events if events.is_empty() => String::new(),
            events => format!("\n    .given([{events}])"),
        };
        let then = match &self.decision {
            Ok(events) if events.is_empty() => "then_nothing()".to_owned(),
            Ok(events) => format!("then({})", sources(events)),
            Err(error) => format!("then_rejected({})", source(error)),
        };
        format!(
            "Spec::<{aggregate}>::new(){given}\n    .when({})\n    .{then};",
            self.when
        )
    }
}

#[cfg(test)]
mod tests;
