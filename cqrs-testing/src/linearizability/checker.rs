//! Checks whether a history is linearizable, by a search for an order of its calls that agrees with the model.
//!
//! J. M. Wing, C. Gong, "Testing and Verifying Concurrent Objects", Journal of Parallel and Distributed Computing 17, 1993:
//! choose a call that started before every other remaining call ended; if the model allows it, continue with the rest, and
//! backtrack when no call fits. G. Lowe, "Testing for linearizability", Concurrency and Computation 29(4), 2017: never search
//! twice from the same set of calls and the same state. Knossos (of Jepsen) and porcupine work in the same way.

use std::collections::HashSet;

use super::{
    history::{History, Operation},
    model::{Model, RightResult},
};

/// An order of the operations that agrees with the model, as indexes into the history.
pub(super) type Order = Vec<usize>;

/// A history without such an order.
#[derive(Debug, Clone)]
pub(super) struct Unexplained {
    /// The longest order that agrees with the model.
    pub(super) longest: Order,
    /// The state after it.
    pub(super) state: Model,
    /// The operations of which one must come next, and the right result of each.
    pub(super) stuck: Vec<(usize, RightResult)>,
}

/// Finds an order that explains the history, or returns the longest one.
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
    seen: HashSet<(OperationSet, Model)>,
    order: Order,
    longest: Order,
}

impl Search<'_> {
    /// Operations without effect and without a result need no place in the order.
    fn silent(&self) -> OperationSet {
        let silent = |done: OperationSet, (index, operation): (usize, &Operation)| {
            if operation.matters() {
                done
            } else {
                done.with(index)
            }
        };
        self.operations
            .iter()
            .enumerate()
            .fold(OperationSet::default(), silent)
    }

    fn extend(&mut self, done: OperationSet, state: &Model) -> bool {
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

    /// The earliest end of the remaining operations that must happen; `None` if there is none.
    fn horizon(&self, done: OperationSet) -> Option<usize> {
        self.left(done)
            .filter_map(|(_, operation)| operation.deadline())
            .min()
    }

    /// The remaining operations that started before every other one ended, ordered by their end.
    fn candidates(&self, done: OperationSet, horizon: usize) -> Vec<usize> {
        let began = self
            .left(done)
            .filter(|(_, operation)| operation.invoked < horizon);
        let mut candidates: Vec<_> = began.map(|(index, _)| index).collect();
        candidates.sort_by_key(|index| self.operations[*index].deadline().unwrap_or(usize::MAX));
        candidates
    }

    fn left(&self, done: OperationSet) -> impl Iterator<Item = (usize, &Operation)> {
        let operations = self.operations.iter().enumerate();
        operations.filter(move |(index, _)| !done.holds(*index))
    }

    fn unexplained(self, start: Model) -> Unexplained {
        let call = |index: &usize| &self.operations[*index].call;
        let fits = "the search has taken these steps";
        let state = self
            .longest
            .iter()
            .fold(start, |state, index| state.step(call(index)).expect(fits));
        let done = self
            .longest
            .iter()
            .fold(self.silent(), |done, index| done.with(*index));
        let horizon = self
            .horizon(done)
            .expect("an unexplained operation remains");
        let candidates = self.candidates(done, horizon).into_iter();
        let stuck = candidates.filter_map(|index| Some((index, state.step(call(&index)).err()?)));
        Unexplained {
            stuck: stuck.collect(),
            longest: self.longest,
            state,
        }
    }
}

/// A set of operations, by index. A program has at most 120: 4 clients, 6 steps, 5 operations each.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash)]
struct OperationSet(u128);

impl OperationSet {
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
