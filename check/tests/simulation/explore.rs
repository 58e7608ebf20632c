//! Plays schedules, and makes the one that breaks something as short as possible.

use std::cell::Cell;

use proptest::{
    strategy::Strategy,
    test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner},
};

use crate::{
    bug::Bug,
    schedule::{Schedule, Setup, Step},
    world::World,
};

/// How many times a schedule that breaks something is made shorter.
const SHORTER: u32 = 600;

/// What came of a schedule.
pub(crate) struct Played {
    pub(crate) outcome: Result<(), String>,
    pub(crate) trace: Vec<String>,
}

/// Plays one schedule, on one thread and its own clock: the same schedule has the same trace.
pub(crate) fn play(setup: Setup, steps: &[Step], bug: Option<Bug>) -> Played {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    fastrand::seed(7);
    runtime.expect("a runtime").block_on(async {
        let mut world = World::new(setup, bug).await;
        let outcome = steps_of(&mut world, steps).await;
        let trace = world.trace();
        world.end_all();
        Played { outcome, trace }
    })
}

async fn steps_of(world: &mut World, steps: &[Step]) -> Result<(), String> {
    for step in steps {
        world.step(*step).await?;
    }
    world.quiet().await
}

/// A schedule that breaks something, as short as it could be made.
pub(crate) struct Found {
    pub(crate) why: String,
    pub(crate) schedule: Schedule,
    pub(crate) trace: Vec<String>,
    /// The number of schedules that were played before.
    pub(crate) after: u32,
}

/// Plays so many schedules, the same ones for the same seed. Returns the first that breaks something.
pub(crate) fn explore(
    schedules: impl Strategy<Value = Schedule>,
    bug: Option<Bug>,
    count: u32,
    seed: u64,
) -> Option<Found> {
    let config = Config {
        cases: count,
        failure_persistence: None,
        max_shrink_iters: SHORTER,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, random);
    let (played, failed) = (Cell::new(0), Cell::new(false));
    let outcome = runner.run(&schedules, |(setup, steps)| {
        let outcome = play(setup, &steps, bug).outcome;
        failed.set(failed.get() || outcome.is_err());
        played.set(played.get() + u32::from(!failed.get()));
        outcome.map_err(TestCaseError::fail)
    });
    match outcome {
        Ok(()) => None,
        Err(TestError::Fail(_, (setup, steps))) => {
            let steps = without_needless(setup, steps, bug);
            let Played { outcome, trace } = play(setup, &steps, bug);
            Some(Found {
                why: outcome.expect_err("it broke something before"),
                schedule: (setup, steps),
                trace,
                after: played.get(),
            })
        }
        Err(TestError::Abort(why)) => panic!("proptest gave up: {why}"),
    }
}

/// Takes out each step without which the schedule breaks something still: some were made together, and proptest keeps those together.
fn without_needless(setup: Setup, mut steps: Vec<Step>, bug: Option<Bug>) -> Vec<Step> {
    for index in (0..steps.len()).rev() {
        let mut fewer = steps.clone();
        fewer.remove(index);
        if play(setup, &fewer, bug).outcome.is_err() {
            steps = fewer;
        }
    }
    steps
}
