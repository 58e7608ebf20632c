//! Laws of the state: a replay is deterministic, and a snapshot at any cut changes nothing.

use std::fmt::Debug;

use cqrs_core::Aggregate;
use serde::{Serialize, de::DeserializeOwned};

use super::AggregateLaws;
use crate::{
    laws::{
        broken::Broken,
        commands::{Story, comparable, constructor, expectation, fold},
    },
    spec::{failure::pretty, source::source},
};

impl<A: Aggregate<Command: Debug, Event: Debug>> AggregateLaws<A> {
    /// The same events make the same state, and the same decisions on it.
    #[track_caller]
    pub fn a_replay_is_deterministic(&self)
    where
        A: PartialEq + Debug,
    {
        self.check_often("a replay is deterministic", replays_the_same);
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

fn replays_the_same<A>(story: &Story<A>) -> Result<(), Broken>
where
    A: Aggregate<Command: Debug, Event: Debug> + PartialEq + Debug,
{
    let (mut one, mut two) = (A::default(), A::default());
    for step in &story.steps {
        let decide = |state: &A| state.handle(step.command.clone(), &step.context);
        let (first, second) = (decide(&one), decide(&two));
        if comparable::<A>(&first) != comparable::<A>(&second) {
            let test = story.test(step, &expectation::<A>(&first));
            let decisions = [&*format!("{first:#?}"), &*format!("{second:#?}")];
            let what = "decisions after two replays of the same events differ";
            return Err(Broken::differ(what, decisions, test));
        }
        for state in [&mut one, &mut two] {
            fold(state, story.recorded(step)).map_err(|error| Broken::new(error, ""))?;
        }
        if one != two {
            let events = story.given(0..step.before + step.decided.len());
            let what = "two replays of the same events make states that differ";
            return Err(states(what, &one, &two, |then| {
                events.test(&constructor::<A>(), then)
            }));
        }
    }
    Ok(())
}

fn is_transparent<A>(story: &Story<A>, cut: usize) -> Result<(), Broken>
where
    A: Aggregate<Command: Debug, Event: Debug> + PartialEq + Debug + Serialize + DeserializeOwned,
{
    let mut calls = story.given(0..cut);
    calls.add("snapshot", "");
    story.add_given(&mut calls, cut..story.events.len());
    let test = |then: &str| calls.test(&constructor::<A>(), then);
    let error = |error: String| Broken::new(error, test("then_state(state)"));

    let (before, after) = story.events.split_at(cut);
    let mut state = A::default();
    fold(&mut state, before).map_err(error)?;
    let json = serde_json::to_string(&state)
        .map_err(|why| error(format!("the state cannot be written as JSON: {why}")))?;
    let mut restored: A = serde_json::from_str(&json).map_err(|why| {
        error(format!(
            "the state cannot be read back: {why}; it is {json}"
        ))
    })?;
    fold(&mut state, after).map_err(error)?;
    fold(&mut restored, after).map_err(error)?;
    if state == restored {
        return Ok(());
    }
    let what = "the states without and with a snapshot differ";
    Err(states(what, &state, &restored, test))
}

fn states<A: Debug>(
    what: &str,
    expected: &A,
    actual: &A,
    test: impl FnOnce(&str) -> String,
) -> Broken {
    let test = test(&format!("then_state({})", source(expected)));
    Broken::differ(what, [&pretty(expected), &pretty(actual)], test)
}
