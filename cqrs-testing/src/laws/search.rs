//! Searches for a history that breaks a law.

use std::fmt::Debug;

use proptest::{
    strategy::Strategy,
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

    /// Panics with the simplest history that breaks the law.
    #[track_caller]
    pub(super) fn run<S: Strategy<Value: Clone + Debug>>(
        &self,
        name: &str,
        steps: &S,
        law: impl Fn(&[S::Value]) -> Result<(), Broken>,
    ) {
        let mut config = self.config.clone();
        let seed = match config.rng_seed {
            RngSeed::Fixed(seed) => seed,
            RngSeed::Random => fastrand::u64(..),
        };
        config.rng_seed = RngSeed::Fixed(seed);
        if let Err(message) = self.search(config, steps, law) {
            match message {
                Found::Broken(broken) => panic!(
                    "{}\nPROPTEST_RNG_SEED={seed} repeats this run\n",
                    broken.message(name)
                ),
                Found::Aborted(reason) => panic!("no histories can be generated: {reason}"),
            }
        }
    }

    fn search<S: Strategy<Value: Clone + Debug>>(
        &self,
        config: Config,
        steps: &S,
        law: impl Fn(&[S::Value]) -> Result<(), Broken>,
    ) -> Result<(), Found> {
        let histories = Histories {
            steps,
            longest: self.longest,
        };
        let law = |steps: &[Drawn<S::Value>]| holds(steps, &law);
        let mut runner = TestRunner::new(config);
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
        let steps = format!("// after these steps: {values:?}");
        Err(Broken::new(format!("it panicked: {panic}"), steps))
    })
}
