//! Replays of a history: the state before each command, and the decision on it.

use std::fmt::Debug;

use cqrs_core::{Aggregate, Decision};

use crate::laws::{
    broken::Broken,
    commands::{Step, Story, comparable, expectation, fold},
};

/// A replay of a history.
pub(super) struct Replay<A: Aggregate> {
    /// For each command the state before it, and the decision on that.
    pub(super) decisions: Vec<(A, Decision<A>)>,
    /// The state after all of them.
    pub(super) last: A,
}

/// Replays a history. Each state is made from the beginning, because it cannot be copied.
pub(super) fn replay<A: Aggregate<Command: Debug, Event: Debug>>(
    story: &Story<A>,
) -> Result<Replay<A>, Broken> {
    let state_after = |events: usize| {
        let mut state = A::default();
        fold(&mut state, &story.events[..events]).map_err(|error| Broken::new(error, ""))?;
        Ok(state)
    };
    let decide = |step: &Step<A>| {
        let state = state_after(step.before)?;
        let decision = state.handle(step.command.clone(), &step.context);
        Ok((state, decision))
    };
    Ok(Replay {
        decisions: story.steps.iter().map(decide).collect::<Result<_, _>>()?,
        last: state_after(story.events.len())?,
    })
}

/// Compares two decisions on a command.
pub(super) fn same_decision<A: Aggregate<Command: Debug, Event: Debug>>(
    story: &Story<A>,
    step: &Step<A>,
    what: &str,
    [first, second]: [&Decision<A>; 2],
) -> Result<(), Broken> {
    if comparable::<A>(first) == comparable::<A>(second) {
        return Ok(());
    }
    let test = story.test(step, &expectation::<A>(first));
    let decisions = [&*format!("{first:#?}"), &*format!("{second:#?}")];
    Err(Broken::differ(what, decisions, test))
}
