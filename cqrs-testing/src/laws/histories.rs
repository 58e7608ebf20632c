//! Generated histories: lists of steps. Each step keeps the seed that it was drawn from, so that it can be drawn again.

use std::fmt;

use proptest::{
    array::uniform32,
    prelude::any,
    strategy::{NewTree, Strategy, ValueTree},
    test_runner::{Reason, RngAlgorithm, TestRng, TestRunner},
};

/// A generated step, with the seed that it was drawn from.
#[derive(Clone)]
pub(super) struct Drawn<T> {
    pub(super) value: T,
    seed: [u8; 32],
}

/// A generated history. `Debug` is short, because proptest writes it beside a persisted seed.
#[derive(Clone)]
pub(super) struct History<T>(pub(super) Vec<Drawn<T>>);

impl<T> fmt::Debug for History<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a history of {} steps", self.0.len())
    }
}

/// Histories of 1 to `longest` of these steps.
#[derive(Debug)]
pub(super) struct Histories<'a, S> {
    pub(super) steps: &'a S,
    pub(super) longest: usize,
}

impl<S: Strategy> Histories<'_, S> {
    /// Draws a step from a seed, always the same one.
    pub(super) fn draw(&self, seed: &[u8; 32], runner: &TestRunner) -> Result<S::Tree, Reason> {
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, seed);
        let mut runner = TestRunner::new_with_rng(runner.config().clone(), rng);
        self.steps.new_tree(&mut runner)
    }

    /// Draws the step again, before it was made simpler.
    pub(super) fn draw_again(
        &self,
        step: &Drawn<S::Value>,
        runner: &TestRunner,
    ) -> Result<S::Tree, Reason> {
        self.draw(&step.seed, runner)
    }
}

impl<S: Strategy<Value: Clone>> Strategy for Histories<'_, S> {
    type Tree = HistoryTree<S::Value>;
    type Value = History<S::Value>;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let length = (1..=self.longest.max(1)).new_tree(runner)?.current();
        let steps = (0..length).map(|_| {
            let seed = uniform32(any::<u8>()).new_tree(runner)?.current();
            let value = self.draw(&seed, runner)?.current();
            Ok(Drawn { value, seed })
        });
        Ok(HistoryTree(History(steps.collect::<Result<_, Reason>>()?)))
    }
}

/// A history that proptest does not make simpler: [`shrink`](super::shrink) does, and more thoroughly.
#[derive(Debug)]
pub(super) struct HistoryTree<T>(History<T>);

impl<T: Clone> ValueTree for HistoryTree<T> {
    type Value = History<T>;

    fn current(&self) -> History<T> {
        self.0.clone()
    }

    fn simplify(&mut self) -> bool {
        false
    }

    fn complicate(&mut self) -> bool {
        false
    }
}
