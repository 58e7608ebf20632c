//! Commands and loads agree with a plain replay, with any cached states and any snapshots.

use proptest::{collection::vec, option, prelude::*};

use super::{
    scripted::Fault,
    spoil::{Spoil, spoil},
    tally::Ask,
    world::{REPOSITORIES, World},
};

#[derive(Debug, Clone)]
enum Step {
    Execute {
        by: usize,
        ask: Ask,
        key: Option<u8>,
        faults: Vec<Fault>,
    },
    Race {
        by: [usize; 2],
        asks: [Ask; 2],
        key: Option<u8>,
    },
    TakeSnapshot {
        by: usize,
    },
    /// The stored snapshot was changed.
    Spoil(Spoil),
    /// The log was restored: it keeps some of its events and gets new ones.
    Restore {
        keep: usize,
        others: Vec<Ask>,
        same_length: bool,
    },
    Load,
}

proptest! {
    /// The aggregate is not idempotent, and its events contain the state that they were decided on, so no mistake can cancel
    /// out.
    #[test]
    fn every_decision_and_load_equals_a_plain_replay(
        steps in vec(step(), 1..30),
        seed in any::<u64>(),
    ) {
        paused().block_on(async {
            let mut world = World::new(seed);
            for step in steps {
                take(&mut world, step).await;
            }
            world.check().await;
        });
    }
}

async fn take(world: &mut World, step: Step) {
    match step {
        Step::Execute {
            by,
            ask,
            key,
            faults,
        } => world.execute(by, ask, key, &faults).await,
        Step::Race { by, asks, key } => world.race(by, asks, key).await,
        Step::TakeSnapshot { by } => world.take_snapshot(by).await,
        Step::Spoil(how) => spoil(world, how).await,
        Step::Restore {
            keep,
            others,
            same_length,
        } => {
            world.restore(keep, others, same_length).await;
        }
        Step::Load => world.check().await,
    }
}

fn step() -> impl Strategy<Value = Step> {
    let by = || 0..REPOSITORIES;
    let key = || option::weighted(0.3, 0_u8..3);
    let faults = prop_oneof![3 => Just(vec![]), 1 => vec(fault(), 1..5)];
    let execute = (by(), ask(), key(), faults).prop_map(|(by, ask, key, faults)| Step::Execute {
        by,
        ask,
        key,
        faults,
    });
    let race = ([by(), by()], [ask(), ask()], key()).prop_map(|(by, asks, key)| Step::Race {
        by,
        asks,
        key,
    });
    let restore =
        (0_usize..12, vec(ask(), 0..4), any::<bool>()).prop_map(|(keep, others, same_length)| {
            Step::Restore {
                keep,
                others,
                same_length,
            }
        });
    prop_oneof![
        8 => execute,
        4 => race,
        2 => by().prop_map(|by| Step::TakeSnapshot { by }),
        2 => Spoil::any().prop_map(Step::Spoil),
        1 => restore,
        1 => Just(Step::Load),
    ]
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        3 => (0_u32..10).prop_map(Ask::Add),
        1 => (0_u32..10).prop_map(Ask::AddTwice),
        2 => Just(Ask::Double),
        2 => Just(Ask::MakeEven),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        2 => Just(Fault::None),
        1 => Just(Fault::Away),
        2 => Just(Fault::LostReply),
        2 => Just(Fault::LostCall),
    ]
}

/// A single-threaded runtime with a paused clock, which advances when no task can run.
fn paused() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime")
}
