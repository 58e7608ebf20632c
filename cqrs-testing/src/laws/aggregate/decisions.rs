//! Laws of `handle`: it never panics, decides the same twice, and adds nothing when a command is repeated.

use std::fmt::Debug;

use cqrs_core::Aggregate;

use super::AggregateLaws;
use crate::laws::{
    broken::Broken,
    commands::{Ended, Story, comparable, expectation, fold},
};

impl<A: Aggregate<Command: Debug, Event: Debug>> AggregateLaws<A> {
    /// No command makes `handle` or `apply` panic.
    #[track_caller]
    pub fn handle_and_apply_never_panic(&self) {
        self.check("handle and apply never panic", never_panics);
    }

    /// A decision depends on the state, the command and the context only: no clock, no random numbers.
    #[track_caller]
    pub fn a_decision_is_the_same_twice(&self) {
        self.check_often("a decision is the same twice", decides_the_same);
    }

    /// A command adds no events when it is sent again. For commands that `repeats` returns `true` for.
    #[track_caller]
    pub fn a_repeated_command_adds_nothing(&self, repeats: impl Fn(&A::Command) -> bool) {
        let law = "a repeated command adds nothing";
        self.check(law, |story| adds_nothing(story, &repeats));
    }
}

fn never_panics<A: Aggregate<Command: Debug, Event: Debug>>(
    story: &Story<A>,
) -> Result<(), Broken> {
    let Some((step, ended)) = &story.ended else {
        return Ok(());
    };
    let (what, events, panic) = match ended {
        Ended::Unstorable(..) => return Ok(()),
        Ended::Handle(panic) => ("handle", String::new(), panic),
        Ended::Apply(events, panic) => ("apply", events.join(", "), panic),
    };
    let test = story.test(step, &format!("then([{events}])"));
    Err(Broken::new(format!("{what} panicked: {panic}"), test))
}

fn decides_the_same<A: Aggregate<Command: Debug, Event: Debug>>(
    story: &Story<A>,
) -> Result<(), Broken> {
    let mut state = A::default();
    for step in &story.steps {
        let decide = || state.handle(step.command.clone(), &step.context);
        let (first, second) = (decide(), decide());
        if comparable::<A>(&first) != comparable::<A>(&second) {
            let test = story.test(step, &expectation::<A>(&first));
            let decisions = [&*format!("{first:#?}"), &*format!("{second:#?}")];
            let what = "two decisions on the same state differ";
            return Err(Broken::differ(what, decisions, test));
        }
        fold(&mut state, story.recorded(step)).map_err(|error| Broken::new(error, ""))?;
    }
    Ok(())
}

fn adds_nothing<A: Aggregate<Command: Debug, Event: Debug>>(
    story: &Story<A>,
    repeats: &impl Fn(&A::Command) -> bool,
) -> Result<(), Broken> {
    let mut state = A::default();
    for step in &story.steps {
        fold(&mut state, story.recorded(step)).map_err(|error| Broken::new(error, ""))?;
        if step.decided.is_empty() || !repeats(&step.command) {
            continue;
        }
        let repeat = step.again();
        let again = state.handle(repeat.command.clone(), &repeat.context);
        if let Ok(events) = &again
            && !events.is_empty()
        {
            let what = format!("the second time the command adds {events:#?}");
            return Err(Broken::new(what, story.test(&repeat, "then_nothing()")));
        }
    }
    Ok(())
}
