//! Commands and loads agree with a plain replay, with any cached states and any snapshots.

use proptest::{collection::vec, option, prelude::*};

use super::{
    damage::{Damage, damage},
    scripted::Fault,
    tally::TallyCommand,
    world::{REPOSITORIES, World},
};

#[derive(Debug, Clone)]
enum Step {
    Execute {
        by: usize,
        command: TallyCommand,
        key: Option<u8>,
        faults: Vec<Fault>,
    },
    Race {
        by: [usize; 2],
        commands: [TallyCommand; 2],
        key: Option<u8>,
    },
    TakeSnapshot {
        by: usize,
    },
    /// The stored snapshot was changed.
    Damage(Damage),
    /// The log was restored: it keeps some of its events and gets new ones.
    Restore {
        keep: usize,
        others: Vec<TallyCommand>,
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
            command,
            key,
            faults,
        } => world.execute(by, command, key, &faults).await,
        Step::Race { by, commands, key } => world.race(by, commands, key).await,
        Step::TakeSnapshot { by } => world.take_snapshot(by).await,
        Step::Damage(how) => damage(world, how).await,
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
    let execute =
        (by(), command(), key(), faults).prop_map(|(by, command, key, faults)| Step::Execute {
            by,
            command,
            key,
            faults,
        });
    let race = ([by(), by()], [command(), command()], key())
        .prop_map(|(by, commands, key)| Step::Race { by, commands, key });
    let restore = (0_usize..12, vec(command(), 0..4), any::<bool>()).prop_map(
        |(keep, others, same_length)| Step::Restore {
            keep,
            others,
            same_length,
        },
    );
    prop_oneof![
        8 => execute,
        4 => race,
        2 => by().prop_map(|by| Step::TakeSnapshot { by }),
        2 => Damage::any().prop_map(Step::Damage),
        1 => restore,
        1 => Just(Step::Load),
    ]
}

fn command() -> impl Strategy<Value = TallyCommand> {
    prop_oneof![
        3 => (0_u32..10).prop_map(TallyCommand::Add),
        1 => (0_u32..10).prop_map(TallyCommand::AddTwice),
        2 => Just(TallyCommand::Double),
        2 => Just(TallyCommand::MakeEven),
    ]
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        2 => Just(Fault::None),
        1 => Just(Fault::Unavailable),
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
