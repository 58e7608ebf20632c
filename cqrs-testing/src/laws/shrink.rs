//! Makes a history that breaks a law simpler, until nothing more can be left out or made simpler.
//!
//! proptest goes through a list once. A value that is tried while a later one still depends on it then stays large: a deposit
//! whose withdrawal was not yet small. Here every step is drawn again from its seed and made simpler, until no round changes
//! anything.

use std::{
    fmt::Debug,
    time::{Duration, Instant},
};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, TestRunner},
};

use super::{
    broken::Broken,
    histories::{Drawn, Histories},
};

/// How often a law is asked at most, unless proptest's configuration sets `max_shrink_iters`.
const MAX_TRIES: u32 = 20_000;

/// A history that breaks a law, as simple as known so far.
pub(super) struct Shrink<'a, S: Strategy, L> {
    pub(super) histories: &'a Histories<'a, S>,
    pub(super) law: L,
    pub(super) runner: &'a TestRunner,
    pub(super) steps: Vec<Drawn<S::Value>>,
    pub(super) broken: Broken,
    pub(super) limit: Limit,
}

impl<S, L> Shrink<'_, S, L>
where
    S: Strategy<Value: Clone + Debug>,
    L: Fn(&[Drawn<S::Value>]) -> Result<(), Broken>,
{
    /// The simplest history, as what it breaks.
    pub(super) fn run(mut self) -> Broken {
        loop {
            let removed = self.remove_steps();
            let simpler = self.simplify_steps();
            if !removed && !simpler {
                return self.broken;
            }
        }
    }

    /// Removes steps: many at once first, at last each by itself.
    fn remove_steps(&mut self) -> bool {
        let before = self.steps.len();
        let mut chunk = before;
        while chunk > 0 {
            let mut start = 0;
            while start < self.steps.len() {
                let mut fewer = self.steps.clone();
                fewer.drain(start..(start + chunk).min(fewer.len()));
                if fewer.is_empty() || !self.keep_if_broken(fewer) {
                    start += chunk;
                }
            }
            chunk /= 2;
        }
        self.steps.len() < before
    }

    fn simplify_steps(&mut self) -> bool {
        let mut changed = false;
        for place in 0..self.steps.len() {
            changed |= self.simplify(place);
        }
        changed
    }

    /// Draws a step again and makes it simpler while the law stays broken.
    fn simplify(&mut self, place: usize) -> bool {
        let step = self.steps[place].clone();
        let Ok(mut tree) = self.histories.draw_again(&step, self.runner) else {
            return false;
        };
        let mut changed = false;
        let mut moved = tree.simplify();
        while moved && self.limit.is_left() {
            let mut steps = self.steps.clone();
            steps[place].value = tree.current();
            let is_simpler = complexity(&steps[place].value) < complexity(&self.steps[place].value);
            moved = match (self.limit.ask(|| (self.law)(&steps)), is_simpler) {
                (Err(broken), true) => {
                    (self.steps, self.broken, changed) = (steps, broken, true);
                    tree.simplify()
                }
                (Err(_), false) => tree.simplify(),
                (Ok(()), _) => tree.complicate(),
            };
        }
        changed
    }

    fn keep_if_broken(&mut self, steps: Vec<Drawn<S::Value>>) -> bool {
        if !self.limit.is_left() {
            return false;
        }
        match self.limit.ask(|| (self.law)(&steps)) {
            Ok(()) => false,
            Err(broken) => {
                (self.steps, self.broken) = (steps, broken);
                true
            }
        }
    }
}

/// Shorter texts are simpler. Each change makes a text simpler, so the search ends.
fn complexity<T: Debug>(value: &T) -> (usize, String) {
    let text = format!("{value:?}");
    (text.len(), text)
}

/// How long to go on.
#[derive(Debug)]
pub(super) struct Limit {
    left: u32,
    until: Option<Instant>,
    /// How often a law is asked about the same history: a law about chance does not fail each time.
    times: u32,
}

impl Limit {
    pub(super) fn new(config: &Config, times: u32) -> Self {
        let time = Duration::from_millis(config.max_shrink_time.into());
        Self {
            left: config.max_shrink_iters.min(MAX_TRIES),
            until: (!time.is_zero()).then(|| Instant::now() + time),
            times,
        }
    }

    fn is_left(&self) -> bool {
        self.left > 0 && self.until.is_none_or(|until| Instant::now() < until)
    }

    fn ask(&mut self, law: impl Fn() -> Result<(), Broken>) -> Result<(), Broken> {
        self.left = self.left.saturating_sub(1);
        (0..self.times).try_for_each(|_| law())
    }
}
