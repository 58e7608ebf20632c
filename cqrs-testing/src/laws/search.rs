//! Searches for a history that breaks a law.

use std::fmt::Debug;

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngSeed, TestCaseError, TestError, TestRunner},
};

use super::{
    broken::Broken,
    histories::{Drawn, Histories},
    quiet::quietly,
    shrink::{Limit, Shrink},
};

/// The number of steps of the longest histories, unless `longest` sets it.
const LONGEST: usize = 20;

/// How to search.
#[derive(Debug, Clone)]
pub(super) struct Search {
    pub(super) config: Config,
    pub(super) longest: usize,
    /// How often a law is asked about a history while that is made simpler. More than once for laws about chance.
    pub(super) times: u32,
}

impl Default for Search {
    fn default() -> Self {
        Self {
            config: Config::default(),
            longest: LONGEST,
            times: 1,
        }
    }
}

impl Search {
    /// The same, for a law that a history does not break each time.
    pub(super) fn of_chance(&self) -> Self {
        Self {
            times: 8,
            ..self.clone()
        }
    }

    /// The same with a seed. One is drawn if the configuration has none.
    pub(super) fn seeded(&self) -> Self {
        let mut search = self.clone();
        search.config.rng_seed = RngSeed::Fixed(match self.config.rng_seed {
            RngSeed::Fixed(seed) => seed,
            RngSeed::Random => fastrand::u64(..),
        });
        search
    }

    /// Panics with the simplest history that breaks the law.
    #[track_caller]
    pub(super) fn run<S: Strategy<Value: Clone + Debug>>(
        &self,
        name: &str,
        steps: &S,
        law: impl Fn(&[S::Value]) -> Result<(), Broken>,
    ) {
        let search = self.seeded();
        match search.search(steps, law) {
            Ok(()) => {}
            Err(Found::Broken(broken)) => search.found(name, &broken),
            Err(Found::Aborted(reason)) => panic!("no histories can be generated: {reason}"),
        }
    }

    /// Panics with a broken law, and the seed if there is one.
    #[track_caller]
    pub(super) fn found(&self, name: &str, broken: &Broken) -> ! {
        let seed = match self.config.rng_seed {
            RngSeed::Fixed(seed) => format!("\nPROPTEST_RNG_SEED={seed} repeats this run\n"),
            RngSeed::Random => String::new(),
        };
        panic!("{}{seed}", broken.message(name));
    }

    /// Draws so many histories, the same ones for the same seed.
    pub(super) fn histories<S: Strategy<Value: Clone + Debug>>(
        &self,
        count: usize,
        steps: &S,
    ) -> Vec<Vec<S::Value>> {
        let histories = Histories {
            steps,
            longest: self.longest,
        };
        let mut runner = TestRunner::new(self.config.clone());
        let mut draw = || {
            let tree = histories.new_tree(&mut runner);
            tree.unwrap_or_else(|reason| panic!("no histories can be generated: {reason}"))
        };
        let values =
            |drawn: Vec<Drawn<S::Value>>| drawn.into_iter().map(|step| step.value).collect();
        (0..count).map(|_| values(draw().current().0)).collect()
    }

    fn search<S: Strategy<Value: Clone + Debug>>(
        &self,
        steps: &S,
        law: impl Fn(&[S::Value]) -> Result<(), Broken>,
    ) -> Result<(), Found> {
        let histories = Histories {
            steps,
            longest: self.longest,
        };
        let law = |steps: &[Drawn<S::Value>]| holds(steps, &law);
        let mut runner = TestRunner::new(self.config.clone());
        let broken = std::cell::RefCell::new(None);
        let result = runner.run(&histories, |history| {
            law(&history.0).map_err(|found| {
                broken.replace(Some(found));
                TestCaseError::fail("a broken law")
            })
        });
        match (result, broken.into_inner()) {
            (Ok(()), _) => Ok(()),
            (Err(TestError::Fail(_, history)), Some(broken)) => {
                let limit = Limit::new(runner.config(), self.times);
                let shrink = Shrink {
                    histories: &histories,
                    law,
                    runner: &runner,
                    steps: history.0,
                    broken,
                    limit,
                };
                Err(Found::Broken(shrink.run()))
            }
            (Err(error), _) => Err(Found::Aborted(error.to_string())),
        }
    }
}

/// The methods of laws that have a field `search: Search`.
macro_rules! search_options {
    ($steps:literal) => {
        #[doc = concat!("The maximum number of ", $steps, " in a history; 20 by default.")]
        #[must_use]
        pub fn longest(mut self, steps: usize) -> Self {
            self.search.longest = steps;
            self
        }

        /// proptest's configuration: the number of cases, the seed, where failures are kept.
        #[must_use]
        pub fn config(mut self, config: ::proptest::test_runner::Config) -> Self {
            self.search.config = config;
            self
        }

        /// The file beside which proptest keeps the seeds of failures.
        #[must_use]
        pub fn source_file(mut self, file: &'static str) -> Self {
            self.search.config.source_file.get_or_insert(file);
            self
        }
    };
}

pub(super) use search_options;

enum Found {
    Broken(Broken),
    Aborted(String),
}

/// Asks the law. Code of the user that panics where no law expects it breaks the law, too.
fn holds<T: Clone + Debug>(
    steps: &[Drawn<T>],
    law: &impl Fn(&[T]) -> Result<(), Broken>,
) -> Result<(), Broken> {
    let values: Vec<_> = steps.iter().map(|step| step.value.clone()).collect();
    quietly(|| law(&values)).unwrap_or_else(|panic| {
        Err(Broken::after(
            format!("it panicked: {panic}"),
            format!("{values:?}"),
        ))
    })
}
