//! Laws of `handle`: it never panics, decides the same twice, and adds nothing when a command is repeated.

use std::{cell::Cell, fmt::Debug};

use cqrs_core::Aggregate;

use super::{
    AggregateLaws,
    replays::{Replay, replay, same_decision},
};
use crate::laws::{
    broken::Broken,
    commands::{Ended, Story, fold},
    tested,
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
        let law = "a decision is the same twice";
        self.check_often(law, replay, decides_the_same);
    }

    /// A command adds no events when it is sent again. For commands that `repeats` returns `true` for; it must do so for one that
    /// adds events the first time.
    #[track_caller]
    pub fn a_repeated_command_adds_nothing(&self, repeats: impl Fn(&A::Command) -> bool) {
        let law = "a repeated command adds nothing";
        let repeated = Cell::new(0_usize);
        self.check(law, |story| adds_nothing(story, &repeats, &repeated));
        if repeated.get() == 0 {
            tested::fail(
                law,
                "no command was repeated: `repeats` accepts none that adds events the first time.\n\nLet it accept the commands \
                 that may come twice, or remove the option.",
            );
        }
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

/// Decides again on the states of a replay.
fn decides_the_same<A: Aggregate<Command: Debug, Event: Debug>>(
    story: &Story<A>,
    replayed: &Replay<A>,
) -> Result<(), Broken> {
    for (step, (state, first)) in story.steps.iter().zip(&replayed.decisions) {
        let second = state.handle(step.command.clone(), &step.context);
        let what = "two decisions on the same state differ";
        same_decision(story, step, what, [first, &second])?;
    }
    Ok(())
}

fn adds_nothing<A: Aggregate<Command: Debug, Event: Debug>>(
    story: &Story<A>,
    repeats: &impl Fn(&A::Command) -> bool,
    repeated: &Cell<usize>,
) -> Result<(), Broken> {
    let mut state = A::default();
    for step in &story.steps {
        fold(&mut state, story.recorded(step)).map_err(|error| Broken::new(error, ""))?;
        if step.decided.is_empty() || !repeats(&step.command) {
            continue;
        }
        repeated.set(repeated.get() + 1);
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
