//! Runs programs until a history is not linearizable, and shrinks that program.

use std::panic::resume_unwind;

use cqrs_core::EventStore;
use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use tokio::task::JoinSet;

use super::{
    checker::{Unexplained, check},
    finding::Finding,
    history::{Call, History, Operation, Outcome},
    program::{Program, programs},
    run::start,
};

/// The number of programs that run concurrently. Histories do not affect each other; the load makes the test realistic.
const CONCURRENT_PROGRAMS: usize = 4;
/// The maximum number of runs of one smaller program before it counts as passing.
const REPEATS: usize = 500;
/// The maximum number of runs of all smaller programs together.
const BUDGET: usize = 20_000;

/// Counts over histories that were linearizable.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) histories: usize,
    pub(super) operations: usize,
    pub(super) rejected: usize,
    /// Errors and lost replies.
    pub(super) unanswered: usize,
    /// Operations that had not ended when another one of their history started.
    pub(super) overlapping: usize,
}

/// Runs `histories` programs, generated from `seed` and the numbers after it.
pub(super) async fn search<S: EventStore>(
    stores: &[S],
    seed: u64,
    histories: usize,
) -> Result<Tally, Finding> {
    let seeds = (0..histories as u64).map(|number| seed.wrapping_add(number));
    match run_until_failure(stores, seeds.map(|seed| (seed, tree(seed).current()))).await {
        Ok(tally) => Ok(tally),
        Err(failure) => Err(shrink(stores, failure).await),
    }
}

/// A history that is not linearizable, and the seed of its program.
struct Failure {
    seed: u64,
    history: History,
    unexplained: Unexplained,
    /// The counts of the histories before it.
    tally: Tally,
}

/// Runs the programs, several at a time, until one fails.
async fn run_until_failure<S: EventStore>(
    stores: &[S],
    programs: impl Iterator<Item = (u64, Program)>,
) -> Result<Tally, Failure> {
    let mut started = programs.map(|(seed, program)| (seed, start(stores, program)));
    let mut running = JoinSet::new();
    let mut tally = Tally::default();
    loop {
        while running.len() < CONCURRENT_PROGRAMS
            && let Some((seed, program)) = started.next()
        {
            running.spawn(async move { (seed, program.history().await) });
        }
        let Some(ended) = running.join_next().await else {
            return Ok(tally);
        };
        let (seed, history) = ended.unwrap_or_else(|error| resume_unwind(error.into_panic()));
        if let Err(unexplained) = check(&history) {
            return Err(Failure {
                seed,
                history,
                unexplained,
                tally,
            });
        }
        tally.count(&history);
    }
}

/// The program of a seed, with its shrinking.
fn tree(seed: u64) -> impl ValueTree<Value = Program> {
    // Neighbouring seeds must give different programs. ChaCha, the default, takes most of the time in a debug build.
    let bytes = fastrand::Rng::with_seed(seed).u128(1..).to_le_bytes();
    let random = TestRng::from_seed(RngAlgorithm::XorShift, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let tree = programs().new_tree(&mut runner);
    tree.expect("the strategy rejects nothing")
}

/// Continues with smaller programs while they fail. A program that can fail may pass by chance, so each runs up to ten times
/// as often as a failure has needed so far.
async fn shrink<S: EventStore>(stores: &[S], failure: Failure) -> Finding {
    let seed = failure.seed;
    let mut tree = tree(seed);
    let steps = tree.current().steps();
    let mut found = failure.of_steps(steps, steps);
    // The first program is not smaller: it measures how rare the failure is.
    let mut smaller = true;
    let mut rarity = None;
    let mut budget = BUDGET;
    while smaller && budget > 0 {
        let program = tree.current();
        let shrunk = program.steps();
        let repeats = rarity.map_or(REPEATS, |runs| REPEATS.min(10 * runs));
        let copies = std::iter::repeat_n((seed, program), repeats.min(budget));
        smaller = match run_until_failure(stores, copies).await {
            Ok(tally) => {
                budget -= tally.histories;
                tree.complicate()
            }
            Err(failure) => {
                let runs = failure.tally.histories + 1;
                rarity = rarity.max(Some(runs));
                budget = budget.saturating_sub(runs);
                found = failure.of_steps(steps, shrunk);
                tree.simplify()
            }
        };
    }
    found
}

impl Failure {
    /// The report, with the number of steps before and after shrinking.
    fn of_steps(self, steps: usize, shrunk: usize) -> Finding {
        Finding {
            seed: self.seed,
            steps: (steps, shrunk),
            history: self.history,
            unexplained: self.unexplained,
        }
    }
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
                outcome: Outcome::Given(outcome),
                ..
            } = &operation.call
            {
                self.rejected += usize::from(outcome.is_err());
            }
        }
    }
}
