//! The decision of an aggregate, and what is expected of it.

use std::fmt::{self, Debug};

use cqrs_core::{Aggregate, RecordedEvent};

use super::{Spec, decoded};
use crate::spec::{
    failure::{differ, pretty},
    source::{source, sources},
};

/// The decision of the aggregate. Its events were encoded and decoded, as in a store.
#[must_use = "add an expectation: then(..), then_nothing(), then_rejected(..) or then_state(..)"]
pub struct Outcome<A: Aggregate> {
    spec: Spec<A>,
    decided: Result<Vec<RecordedEvent>, A::Error>,
}

impl<A: Aggregate> Debug for Outcome<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome")
            .field("spec", &self.spec)
            .field("decided", &self.decided)
            .finish()
    }
}

impl<A: Aggregate> Outcome<A> {
    pub(super) fn new(spec: Spec<A>, decided: Result<Vec<RecordedEvent>, A::Error>) -> Self {
        Self { spec, decided }
    }

    /// The aggregate after the decided events.
    #[track_caller]
    fn after(mut self) -> Spec<A>
    where
        A::Event: Debug,
    {
        match &self.decided {
            Ok(events) => events.iter().for_each(|event| self.spec.apply(event)),
            Err(error) => self.fail("outcomes", "accepted", &format!("rejected: {error}")),
        }
        self.spec
    }
}

impl<A: Aggregate<Event: Debug>> Outcome<A> {
    /// Expects exactly these events, in this order.
    #[track_caller]
    pub fn then(self, events: impl IntoIterator<Item = A::Event>)
    where
        A::Event: PartialEq,
    {
        let expected = Vec::from_iter(events);
        let actual = self.events();
        match &self.decided {
            Ok(_) if actual == expected => drop(self.after()),
            Ok(_) => self.fail("events", &pretty(&expected), &pretty(&actual)),
            Err(error) => {
                self.fail(
                    "outcomes",
                    &pretty(&expected),
                    &format!("rejected: {error}"),
                );
            }
        }
    }

    /// Expects that the command is accepted without events.
    #[track_caller]
    pub fn then_nothing(self)
    where
        A::Event: PartialEq,
    {
        self.then([]);
    }

    /// Expects that the command is rejected with this error.
    #[track_caller]
    #[expect(clippy::needless_pass_by_value, reason = "takes a value, like `then`")]
    pub fn then_rejected(self, expected: A::Error)
    where
        A::Error: PartialEq,
    {
        match &self.decided {
            Err(actual) if *actual == expected => {}
            Err(actual) => self.fail("reasons", &pretty(&expected), &pretty(actual)),
            Ok(_) => {
                let expected = format!("rejected: {expected}");
                self.fail("outcomes", &expected, &pretty(&self.events()));
            }
        }
    }

    /// Expects that the command is accepted, and this state after its events.
    #[track_caller]
    pub fn then_state(self, expected: A)
    where
        A: Debug + PartialEq,
    {
        self.after().then_state(expected);
    }

    /// Expects that the command is accepted, and that a property of the state after its events has this value.
    #[track_caller]
    pub fn then_state_has<T: Debug + PartialEq>(self, property: impl FnOnce(&A) -> T, expected: T) {
        self.after().then_state_has(property, expected);
    }

    /// The decided events as a reader gets them.
    #[track_caller]
    fn events(&self) -> Vec<A::Event> {
        let recorded = self.decided.iter().flatten();
        recorded.flat_map(decoded::<A>).collect()
    }

    #[track_caller]
    fn fail(&self, what: &str, expected: &str, actual: &str) -> ! {
        let expectation = match &self.decided {
            Ok(events) if events.is_empty() => "then_nothing()".to_owned(),
            Ok(_) => format!("then({})", sources(&self.events())),
            Err(error) => format!("then_rejected({})", source(error)),
        };
        differ(what, expected, actual, &self.spec.test(&expectation));
    }
}
