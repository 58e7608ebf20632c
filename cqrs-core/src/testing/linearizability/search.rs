//! Runs programs until one leaves a history that is not linearizable, and shrinks that program.

use std::collections::VecDeque;

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::{
    checker::{Unexplained, check},
    finding::Finding,
    history::{Answer, Call, History, Operation},
    program::{Program, programs},
    run::start,
};
use crate::EventStore;

/// So many programs run at a time: histories do not touch each other, and other traffic makes a store's life real.
const AT_A_TIME: usize = 4;
/// How often a smaller program runs before it counts as harmless.
const REPEATS: usize = 32;
/// So many smaller programs are tried.
const CANDIDATES: usize = 200;

/// What was seen where everything was linearizable.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) histories: usize,
    pub(super) operations: usize,
    pub(super) refused: usize,
    /// Errors and lost answers.
    pub(super) unanswered: usize,
    /// Operations that were under way when another one of their history began.
    pub(super) overlapping: usize,
}

/// Runs as many programs, made up from `seed` and the numbers behind it.
pub(super) async fn search<S: EventStore>(
    store: &S,
    seed: u64,
    histories: usize,
) -> Result<Tally, Finding> {
    let seeds = (0..histories as u64).map(|number| seed.wrapping_add(number));
    match attack(store, seeds.map(|seed| (seed, tree(seed).current()))).await {
        Ok(tally) => Ok(tally),
        Err(failure) => Err(shrink(store, failure).await),
    }
}

/// The seed of the program, what happened, and why it cannot be explained.
type Failure = (u64, History, Unexplained);

/// Runs the programs, some at a time, until one fails.
async fn attack<S: EventStore>(
    store: &S,
    programs: impl Iterator<Item = (u64, Program)>,
) -> Result<Tally, Failure> {
    let mut started = programs.map(|(seed, program)| (seed, start(store, program)));
    let mut running: VecDeque<_> = started.by_ref().take(AT_A_TIME).collect();
    let mut tally = Tally::default();
    while let Some((seed, program)) = running.pop_front() {
        let history = program.history().await;
        running.extend(started.next());
        match check(&history) {
            Ok(_) => tally.count(&history),
            Err(unexplained) => return Err((seed, history, unexplained)),
        }
    }
    Ok(tally)
}

/// The program of a seed, and the ways to make it smaller.
fn tree(seed: u64) -> impl ValueTree<Value = Program> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let tree = programs().new_tree(&mut runner);
    tree.expect("the strategy rejects nothing")
}

/// Goes on to smaller programs as long as they fail too. One that passes by chance is lost: therefore each runs often.
async fn shrink<S: EventStore>(store: &S, (seed, history, unexplained): Failure) -> Finding {
    let mut tree = tree(seed);
    let steps = tree.current().steps();
    let mut found = Finding {
        seed,
        steps: (steps, steps),
        history,
        unexplained,
    };
    let mut smaller = tree.simplify();
    for _ in 0..CANDIDATES {
        if !smaller {
            break;
        }
        let program = tree.current();
        let steps = (found.steps.0, program.steps());
        let often = std::iter::repeat_n((seed, program), REPEATS);
        smaller = match attack(store, often).await {
            Ok(_) => tree.complicate(),
            Err((seed, history, unexplained)) => {
                found = Finding {
                    seed,
                    steps,
                    history,
                    unexplained,
                };
                tree.simplify()
            }
        };
    }
    found
}

impl Tally {
    fn count(&mut self, History { operations, .. }: &History) {
        self.histories += 1;
        self.operations += operations.len();
        for (index, operation) in operations.iter().enumerate() {
            let under_way = |earlier: &Operation| earlier.returned > operation.invoked;
            self.overlapping += usize::from(operations[..index].iter().any(under_way));
            self.unanswered += usize::from(operation.deadline().is_none());
            if let Call::Append {
                answer: Answer::Given(answer),
                ..
            } = &operation.call
            {
                self.refused += usize::from(answer.is_err());
            }
        }
    }
}
