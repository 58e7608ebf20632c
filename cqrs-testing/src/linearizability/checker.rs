//! Whether a history is linearizable: whether every call may have happened at one instant between its beginning and its end.
//!
//! J. M. Wing, C. Gong, "Testing and Verifying Concurrent Objects", Journal of Parallel and Distributed Computing 17, 1993:
//! choose a call that began before every other one ended, ask the model whether it fits, go on with the rest, and take it
//! back where nothing fits. G. Lowe, "Testing for linearizability", Concurrency and Computation 29(4), 2017: never try again
//! from the same calls done in the same state. Knossos (of Jepsen) and porcupine work alike.

use std::collections::HashSet;

use super::{
    history::{History, Operation},
    model::{Misfit, Model},
};

/// An order of the operations that agrees with the model, as indexes into the history.
pub(super) type Order = Vec<usize>;

/// Why there is no such order.
#[derive(Debug, Clone)]
pub(super) struct Unexplained {
    /// The longest order that agrees with the model.
    pub(super) longest: Order,
    /// The store after it.
    pub(super) state: Model,
    /// What could come next, and why it does not fit. The first must come before anything that is not named here.
    pub(super) stuck: Vec<(usize, Misfit)>,
}

/// Finds an order that explains the history, or tells how far one comes.
pub(super) fn check(history: &History) -> Result<Order, Unexplained> {
    let mut search = Search {
        operations: &history.operations,
        seen: HashSet::new(),
        order: Order::new(),
        longest: Order::new(),
    };
    let start = Model::new(history.streams);
    if search.extend(search.silent(), &start) {
        return Ok(search.order);
    }
    Err(search.unexplained(start))
}

struct Search<'h> {
    operations: &'h [Operation],
    seen: HashSet<(Done, Model)>,
    order: Order,
    longest: Order,
}

impl Search<'_> {
    /// What neither changed nor says anything needs no place in the order.
    fn silent(&self) -> Done {
        let silent = |done: Done, (index, operation): (usize, &Operation)| {
            if operation.tells() {
                done
            } else {
                done.with(index)
            }
        };
        self.operations
            .iter()
            .enumerate()
            .fold(Done::default(), silent)
    }

    fn extend(&mut self, done: Done, state: &Model) -> bool {
        let Some(horizon) = self.horizon(done) else {
            return true;
        };
        if self.order.len() > self.longest.len() {
            self.longest.clone_from(&self.order);
        }
        for index in self.candidates(done, horizon) {
            let Ok(next) = state.step(&self.operations[index].call) else {
                continue;
            };
            let done = done.with(index);
            if self.seen.insert((done, next.clone())) {
                self.order.push(index);
                if self.extend(done, &next) {
                    return true;
                }
                self.order.pop();
            }
        }
        false
    }

    /// The first time at which one of those that are left has ended; `None` when nothing is left that had to happen.
    fn horizon(&self, done: Done) -> Option<usize> {
        self.left(done)
            .filter_map(|(_, operation)| operation.deadline())
            .min()
    }

    /// Those that began before every other that is left had ended, the one that ends first in front.
    fn candidates(&self, done: Done, horizon: usize) -> Vec<usize> {
        let began = self
            .left(done)
            .filter(|(_, operation)| operation.invoked < horizon);
        let mut candidates: Vec<_> = began.map(|(index, _)| index).collect();
        candidates.sort_by_key(|index| self.operations[*index].deadline().unwrap_or(usize::MAX));
        candidates
    }

    fn left(&self, done: Done) -> impl Iterator<Item = (usize, &Operation)> {
        let operations = self.operations.iter().enumerate();
        operations.filter(move |(index, _)| !done.holds(*index))
    }

    fn unexplained(self, start: Model) -> Unexplained {
        let call = |index: &usize| &self.operations[*index].call;
        let fits = "the search has made these steps";
        let state = self
            .longest
            .iter()
            .fold(start, |state, index| state.step(call(index)).expect(fits));
        let done = self
            .longest
            .iter()
            .fold(self.silent(), |done, index| done.with(*index));
        let horizon = self.horizon(done).expect("what was not explained is left");
        let candidates = self.candidates(done, horizon).into_iter();
        let stuck = candidates.filter_map(|index| Some((index, state.step(call(&index)).err()?)));
        Unexplained {
            stuck: stuck.collect(),
            longest: self.longest,
            state,
        }
    }
}

/// A set of operations, by index. A program leaves 120 at most: 4 clients, 6 steps, 5 operations each.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
struct Done(u128);

impl Done {
    fn with(self, index: usize) -> Self {
        assert!(index < 128, "a history of at most 128 operations");
        Self(self.0 | 1 << index)
    }

    fn holds(self, index: usize) -> bool {
        self.0 >> index & 1 == 1
    }
}

#[cfg(test)]
mod tests;
