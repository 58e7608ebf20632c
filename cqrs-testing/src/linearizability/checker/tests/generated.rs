//! Small random histories, compared with an exhaustive search of all orders.

use proptest::{collection::vec, prelude::*, strategy::ValueTree, test_runner::TestRunner};

use super::*;

/// A call, the times from its start to its effect and from its effect to its end, and a change to its result.
type Drawn = (Vec<Participant>, usize, usize, Change);

#[derive(Debug, Clone, Copy)]
enum Change {
    None,
    /// One event or one version more.
    More,
    /// One event or one version less.
    Less,
    Unknown,
    Failed,
}

fn drawn() -> impl Strategy<Value = Vec<Drawn>> {
    let expected = prop_oneof![
        3 => Just(Any),
        1 => Just(NoStream),
        1 => Just(ExpectedVersion::StreamExists),
        3 => (0..3_u64).prop_map(at),
    ];
    let participant = (0..2_usize, expected, 0..2_usize);
    let change = prop_oneof![
        8 => Just(Change::None),
        1 => Just(Change::More),
        1 => Just(Change::Less),
        1 => Just(Change::Unknown),
        1 => Just(Change::Failed),
    ];
    // No participant: a read of the first stream.
    let to = vec(participant, 0..3).prop_map(|to| {
        let participant = |(stream, expected, events)| Participant {
            stream: Stream(stream),
            expected,
            events: vec![EventNumber::FOREIGN; events],
        };
        let mut to: Vec<_> = to.into_iter().map(participant).collect();
        to.dedup_by_key(|participant| participant.stream);
        to
    });
    vec((to, 0..30_usize, 0..30_usize, change), 1..6)
}

/// The history of the model when it executes the calls one by one, the n-th at time 10 n, with changed results.
fn played(drawn: Vec<Drawn>) -> History {
    let mut state = Model::new(2);
    let mut number = 0;
    let mut operations = Vec::new();
    for (index, (mut to, before, later, change)) in drawn.into_iter().enumerate() {
        for event in to
            .iter_mut()
            .flat_map(|participant| participant.events.iter_mut())
        {
            number += 1;
            *event = EventNumber(number);
        }
        let (call, next) = executed(&state, to);
        state = next;
        operations.push(Operation {
            client: index,
            function: "call",
            invoked: 100 + 10 * index - before,
            returned: 101 + 10 * index + later,
            call: changed(call, change),
        });
    }
    History {
        streams: 2,
        operations,
    }
}

/// The model's result of the call, and its state after it.
fn executed(state: &Model, to: Vec<Participant>) -> (Call, Model) {
    if to.is_empty() {
        let (_, events) = state.streams().next().expect("two streams");
        let numbers: Vec<_> = events.iter().map(|event| event.0).collect();
        return (read(A, &numbers), state.clone());
    }
    match state.append(&to, None) {
        Ok((next, results)) => (append(to, Outcome::Given(Ok(results))), next),
        Err(rejections) => (
            append(to, Outcome::Given(Err(rejections[0]))),
            state.clone(),
        ),
    }
}

fn changed(mut call: Call, change: Change) -> Call {
    let changed_version = |version: Version| match change {
        Change::More => version.plus(1),
        Change::Less => Version::new(version.get().saturating_sub(1)),
        Change::None | Change::Unknown | Change::Failed => version,
    };
    match &mut call {
        Call::Append { outcome, .. } => match (&mut *outcome, change) {
            (outcome, Change::Unknown) => *outcome = Outcome::Unknown,
            (outcome, Change::Failed) => *outcome = Outcome::Failed("no".to_owned()),
            (Outcome::Given(Ok(results)), _) => {
                results[0].before = changed_version(results[0].before);
                results[0].version = changed_version(results[0].version);
            }
            (Outcome::Given(Err(Rejection::Conflict { actual, .. })), _) => {
                *actual = changed_version(*actual);
            }
            _ => {}
        },
        Call::Read {
            outcome: Outcome::Given(events),
            ..
        } if matches!(change, Change::Less) => {
            events.pop();
        }
        Call::Read { .. } | Call::Lookup { .. } => {}
    }
    call
}

/// Tries every order of every set of operations that contains all that must have happened.
fn has_an_order(history: &History, order: &mut Vec<usize>, state: &Model) -> bool {
    let operations = &history.operations;
    let left = |index: &usize| !order.contains(index);
    let left: Vec<_> = (0..operations.len()).filter(left).collect();
    let must = |index: &usize| operations[*index].deadline().is_some();
    if !left.iter().any(must) {
        return true;
    }
    left.iter().any(|&index| {
        let too_late = |other: &usize| {
            operations[*other]
                .deadline()
                .is_some_and(|end| end <= operations[index].invoked)
        };
        if left.iter().any(too_late) {
            return false;
        }
        let Ok(next) = state.step(&operations[index].call) else {
            return false;
        };
        order.push(index);
        let found = has_an_order(history, order, &next);
        order.pop();
        found
    })
}

#[test]
fn the_search_finds_an_order_exactly_if_one_exists() {
    let mut explained = 0;
    let mut unexplained = 0;
    let mut runner = TestRunner::deterministic();
    for _ in 0..5_000 {
        let drawn = drawn().new_tree(&mut runner).expect("nothing is rejected");
        let history = played(drawn.current());
        let found = check(&history);
        let there_is_one = has_an_order(&history, &mut Vec::new(), &Model::new(2));
        assert_eq!(found.is_ok(), there_is_one, "{history}\n{found:?}");
        match found {
            Ok(_) => explained += 1,
            Err(_) => unexplained += 1,
        }
    }
    assert!(
        explained > 500 && unexplained > 500,
        "both are common: {explained} and {unexplained}"
    );
}
