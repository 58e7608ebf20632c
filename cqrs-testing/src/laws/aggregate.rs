//! The laws of aggregates.

mod decisions;
mod events;
mod old_events;
mod places;
mod replays;
mod states;

use std::{fmt::Debug, marker::PhantomData, time::Duration};

use cqrs_core::Aggregate;
use proptest::strategy::{BoxedStrategy, Just, Strategy};

pub use self::old_events::OldEvents;
use super::{
    broken::Broken,
    commands::Story,
    later::Later,
    search::{Search, search_options},
    tested,
};

/// The laws of an aggregate, for histories that generated commands lead to. [`laws!`](macro@crate::laws) declares a test for each.
///
/// Each law panics with the simplest history that breaks it, as a specification to paste. It also panics if no command led to an
/// event: then it tested nothing.
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
        self.check_with(&self.search, law, |story| holds(&story));
    }

    /// For a law about chance or a clock, which a history does not break each time. `observe` is asked twice at once, and later
    /// once more, in another second.
    #[track_caller]
    fn check_often<O>(
        &self,
        law: &str,
        observe: impl Fn(&Story<A>) -> Result<O, Broken>,
        compare: impl Fn(&Story<A>, &O) -> Result<(), Broken>,
    ) {
        let (search, later) = (self.search.of_chance().seeded(), Later::default());
        self.check_with(&search, law, |story| {
            let first = observe(&story)?;
            compare(&story, &first)?;
            later.keep((story, first));
            Ok(())
        });
        if let Err(broken) = later.ask(|(story, first)| compare(story, first)) {
            search.found(law, &broken);
        }
    }

    #[track_caller]
    fn check_with(
        &self,
        search: &Search,
        law: &str,
        holds: impl Fn(Story<A>) -> Result<(), Broken>,
    ) {
        let tested = tested::Commands::default();
        search.run(law, &self.steps, |steps| {
            let story = Story::of(steps);
            tested.count(&story);
            holds(story)
        });
        if let Err(why) = tested.check() {
            tested::fail(law, &why);
        }
    }
}
