//! The laws of aggregates.

mod decisions;
mod events;
mod states;

use std::{fmt::Debug, marker::PhantomData, time::Duration};

use cqrs_core::Aggregate;
use proptest::strategy::{BoxedStrategy, Just, Strategy};

pub use self::events::OldEvents;
use super::{
    broken::Broken,
    commands::Story,
    search::{Search, search_options},
};

/// The laws of an aggregate, for histories that generated commands lead to. [`laws!`](macro@crate::laws) declares a test for each.
///
/// Each law panics with the simplest history that breaks it, as a specification to paste.
#[derive(Debug)]
pub struct AggregateLaws<A: Aggregate<Command: Debug>> {
    steps: BoxedStrategy<(A::Command, Duration)>,
    commands: BoxedStrategy<A::Command>,
    search: Search,
    aggregate: PhantomData<fn() -> A>,
}

impl<A: Aggregate<Command: Debug, Event: Debug>> AggregateLaws<A> {
    /// For histories of these commands. All have the same time, the Unix epoch.
    pub fn new(commands: impl Strategy<Value = A::Command> + 'static) -> Self {
        let commands = commands.boxed();
        Self {
            steps: (commands.clone(), Just(Duration::ZERO)).boxed(),
            commands,
            search: Search::default(),
            aggregate: PhantomData,
        }
    }

    /// Lets so much time pass before each command.
    #[must_use]
    pub fn pauses(mut self, pauses: impl Strategy<Value = Duration> + 'static) -> Self {
        self.steps = (self.commands.clone(), pauses).boxed();
        self
    }

    search_options!("commands");

    #[track_caller]
    fn check(&self, law: &str, holds: impl Fn(&Story<A>) -> Result<(), Broken>) {
        let holds = |steps: &[_]| holds(&Story::of(steps));
        self.search.run(law, &self.steps, holds);
    }

    /// For a law that a history does not break each time.
    #[track_caller]
    fn check_often(&self, law: &str, holds: impl Fn(&Story<A>) -> Result<(), Broken>) {
        let holds = |steps: &[_]| holds(&Story::of(steps));
        self.search.of_chance().run(law, &self.steps, holds);
    }
}
