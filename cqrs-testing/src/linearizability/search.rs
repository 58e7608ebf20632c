//! Runs programs until one leaves a history that is not linearizable, and shrinks that program.

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
    history::{Answer, Call, History, Operation},
    program::{Program, programs},
    run::start,
};

/// So many programs run at a time: histories do not touch each other, and other traffic makes a store's life real.
const AT_A_TIME: usize = 4;
/// How often a program runs at most before it counts as harmless.
const REPEATS: usize = 500;
/// How often all smaller programs together run at most.
const BUDGET: usize = 20_000;

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
    stores: &[S],
    seed: u64,
    histories: usize,
) -> Result<Tally, Finding> {
    let seeds = (0..histories as u64).map(|number| seed.wrapping_add(number));
    match attack(stores, seeds.map(|seed| (seed, tree(seed).current()))).await {
        Ok(tally) => Ok(tally),
        Err(failure) => Err(shrink(stores, failure).await),
    }
}

/// A history that has no order, and of which seed the program was.
struct Failure {
    seed: u64,
    history: History,
    unexplained: Unexplained,
    /// What was seen before it.
    tally: Tally,
}

/// Runs the programs, some at a time, until one fails.
async fn attack<S: EventStore>(
    stores: &[S],
    programs: impl Iterator<Item = (u64, Program)>,
) -> Result<Tally, Failure> {
    let mut started = programs.map(|(seed, program)| (seed, start(stores, program)));
    let (mut running, mut tally) = (JoinSet::new(), Tally::default());
    loop {
        while running.len() < AT_A_TIME
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

/// The program of a seed, and the ways to make it smaller.
fn tree(seed: u64) -> impl ValueTree<Value = Program> {
    // Neighbouring seeds should be nothing alike, and ChaCha takes most of the time in a debug build.
    let bytes = fastrand::Rng::with_seed(seed).u128(1..).to_le_bytes();
    let random = TestRng::from_seed(RngAlgorithm::XorShift, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let tree = programs().new_tree(&mut runner);
    tree.expect("the strategy rejects nothing")
}

/// Goes on to smaller programs as long as they fail too. One that passes by chance is lost, so each runs ten times as often
/// as any has taken to fail.
async fn shrink<S: EventStore>(stores: &[S], failure: Failure) -> Finding {
    let seed = failure.seed;
    let mut tree = tree(seed);
    let steps = tree.current().steps();
    let mut found = failure.of_steps(steps, steps);
    // The first program is no smaller: it tells how rare the failure is.
    let (mut smaller, mut rarity, mut budget) = (true, None, BUDGET);
    while smaller && budget > 0 {
        let program = tree.current();
        let shrunk = program.steps();
        let repeats = rarity.map_or(REPEATS, |runs| REPEATS.min(10 * runs));
        let often = std::iter::repeat_n((seed, program), repeats.min(budget));
        smaller = match attack(stores, often).await {
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
    /// With the steps that the program had, and those that it has after it was shrunk.
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
                answer: Answer::Given(answer),
                ..
            } = &operation.call
            {
                self.refused += usize::from(answer.is_err());
            }
        }
    }
}
