//! Laws of the state: a replay is deterministic, and a snapshot at any cut changes nothing.

use std::fmt::Debug;

use cqrs_core::Aggregate;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    AggregateLaws,
    replays::{Replay, replay, same_decision},
};
use crate::{
    laws::{
        broken::Broken,
        commands::{Story, fold},
    },
    spec::{
        aggregate::through_json,
        calls::Calls,
        failure::pretty,
        source::{constructor, source},
    },
};

impl<A: Aggregate<Command: Debug, Event: Debug>> AggregateLaws<A> {
    /// The same events make the same state, and the same decisions on it.
    #[track_caller]
    pub fn a_replay_is_deterministic(&self)
    where
        A: PartialEq + Debug,
    {
        let law = "a replay is deterministic";
        self.check_often(law, replay, replays_the_same);
    }

    /// A state that is written as JSON and read back at any place of its history ends as without.
    #[track_caller]
    pub fn a_snapshot_at_any_cut_is_transparent(&self)
    where
        A: PartialEq + Debug + Serialize + DeserializeOwned,
    {
        let shape = || cqrs_shape::fingerprint::<A>();
        let law = "a snapshot at any cut is transparent";
        let stable = (0..8).all(|_| shape() == shape());
        assert!(
            stable,
            "broken law: {law}\n\nthe fingerprint of the state's shape changes"
        );
        self.check(law, |story| {
            (0..=story.events.len()).try_for_each(|cut| is_transparent(story, cut))
        });
    }
}

/// Replays once more.
fn replays_the_same<A>(story: &Story<A>, first: &Replay<A>) -> Result<(), Broken>
where
    A: Aggregate<Command: Debug, Event: Debug> + PartialEq + Debug,
{
    let second = replay(story)?;
    let same_state = |events, one: &A, two: &A| {
        let what = "two replays of the same events make states that differ";
        same_state(what, &story.given(0..events), one, two)
    };
    let decisions = first.decisions.iter().zip(&second.decisions);
    for (step, ((one, first), (two, second))) in story.steps.iter().zip(decisions) {
        same_state(step.before, one, two)?;
        let what = "decisions after two replays of the same events differ";
        same_decision(story, step, what, [first, second])?;
    }
    same_state(story.events.len(), &first.last, &second.last)
}

fn is_transparent<A>(story: &Story<A>, cut: usize) -> Result<(), Broken>
where
    A: Aggregate<Command: Debug, Event: Debug> + PartialEq + Debug + Serialize + DeserializeOwned,
{
    let mut calls = story.given(0..cut);
    calls.add("snapshot", "");
    story.add_given(&mut calls, cut..story.events.len());

    let (before, after) = story.events.split_at(cut);
    let mut state = A::default();
    fold(&mut state, before).map_err(|error| Broken::new(error, ""))?;
    let restored = through_json(&state);
    fold(&mut state, after).map_err(|error| Broken::new(error, ""))?;

    let mut restored = restored.map_err(|error| Broken::new(error, test(&calls, &state)))?;
    fold(&mut restored, after).map_err(|error| Broken::new(error, ""))?;
    let what = "the states without and with a snapshot differ";
    same_state(what, &calls, &state, &restored)
}

fn same_state<A: PartialEq + Debug>(
    what: &str,
    calls: &Calls,
    expected: &A,
    actual: &A,
) -> Result<(), Broken> {
    if expected == actual {
        return Ok(());
    }
    let states = [&*pretty(expected), &*pretty(actual)];
    Err(Broken::differ(what, states, test(calls, expected)))
}

/// The specification that expects a state after these calls.
fn test<A: Debug>(calls: &Calls, expected: &A) -> String {
    calls.test(
        &constructor::<A>(),
        &format!("then_state({})", source(expected)),
    )
}
