//! The calls that a command makes to the store.

use super::{
    scripted::Scripted,
    tally::{Tally, TallyCommand},
    world::{Tallies, execute},
};
use crate::{
    model::Context,
    roles::Aggregate,
    write::{
        CommandStore, ExecuteError,
        repository::{Executed, SnapshotPolicy},
    },
};

/// A store with one event, a repository that has cached its state, and another repository.
async fn warm() -> (Scripted, Tallies, Tallies) {
    let store = Scripted::default();
    let tallies = || store.repository::<Tally>();
    let ours = tallies();
    let others = tallies();
    done(&ours, TallyCommand::Add(1)).await;
    store.calls();
    (store, ours, others)
}

async fn done(tallies: &Tallies, command: TallyCommand) {
    execute(tallies, command, None).await.expect("executes");
}

async fn rejected(tallies: &Tallies, command: TallyCommand) {
    let outcome = execute(tallies, command, None).await;
    assert!(
        matches!(outcome, Err(ExecuteError::Rejected(_))),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_command_takes_two_round_trips_or_one_with_a_cached_state() {
    let (store, warm, cold) = warm().await;
    done(&cold, TallyCommand::Add(1)).await;
    assert_eq!(store.calls(), ["replay", "append"]);
    done(&cold, TallyCommand::AddTwice(1)).await;
    done(&cold, TallyCommand::Add(1)).await;
    assert_eq!(store.calls(), ["append", "append"]);
    // The cached state is stale, so the append conflicts.
    done(&warm, TallyCommand::Add(1)).await;
    assert_eq!(store.calls(), ["append", "replay", "append"]);
    done(&warm.cache(0), TallyCommand::Add(1)).await;
    assert_eq!(store.calls(), ["replay", "append"]);
}

#[tokio::test]
async fn an_aggregate_with_other_writers_is_read_first() {
    let (store, here, there) = warm().await;
    done(&there, TallyCommand::Add(1)).await;
    store.calls();
    done(&here, TallyCommand::Add(2)).await;
    assert_eq!(
        store.calls(),
        ["append", "replay", "append"],
        "a failed append"
    );
    done(&there, TallyCommand::Add(3)).await;
    store.calls();
    done(&here, TallyCommand::Add(4)).await;
    assert_eq!(store.calls(), ["replay", "append"], "read first");
    done(&here, TallyCommand::Add(5)).await;
    assert_eq!(store.calls(), ["replay", "append"], "no other writer found");
    done(&here, TallyCommand::Add(6)).await;
    assert_eq!(store.calls(), ["append"]);
}

#[tokio::test]
async fn a_decision_without_events_is_confirmed_by_one_read() {
    let (store, warm, others) = warm().await;
    rejected(&warm, TallyCommand::Double).await;
    assert_eq!(store.calls(), ["replay"]);
    // Without a cached state, the command has just read the stream.
    rejected(&others, TallyCommand::Double).await;
    assert_eq!(store.calls(), ["replay"]);
    done(&others, TallyCommand::MakeEven).await;
    assert_eq!(store.calls(), ["append"]);
    done(&others, TallyCommand::MakeEven).await;
    assert_eq!(store.calls(), ["replay"]);
    // The read that should confirm a rejection may lead to another decision.
    done(&warm, TallyCommand::Double).await;
    assert_eq!(store.calls(), ["replay", "append"]);
    done(&warm, TallyCommand::Add(0)).await;
    assert_eq!(store.calls(), ["replay", "append"], "another writer found");
    done(&warm, TallyCommand::Add(0)).await;
    assert_eq!(store.calls(), ["append"]);
}

#[tokio::test]
async fn a_snapshot_is_read_with_its_events_in_one_round_trip() {
    let (store, warm, _) = warm().await;
    let cold = warm.cache(0).snapshots(SnapshotPolicy::on_demand());
    done(&cold, TallyCommand::Add(1)).await;
    assert_eq!(store.calls(), ["replay_from_snapshot", "append"]);
    cold.take_snapshot("one").await.expect("takes one");
    store.calls();
    cold.load("one").await.expect("loads");
    assert_eq!(store.calls(), ["replay_from_snapshot"]);
    let stream = crate::model::StreamId::of::<super::tally::TallyEvent>("one").expect("valid");
    let mut broken = store.snapshot(&stream).expect("was taken");
    broken.payload = "{".into();
    store.put_snapshot(&stream, broken);
    cold.load("one").await.expect("loads");
    assert_eq!(store.calls(), ["replay_from_snapshot", "replay"]);
}

#[tokio::test]
async fn a_key_costs_a_round_trip_only_when_needed() {
    let (store, warm, _) = warm().await;
    let send = async |command, key| execute(&warm, command, Some(key)).await;
    let first = send(TallyCommand::Add(1), 1).await.expect("executes");
    assert_eq!(store.calls(), ["append"]);
    let again = send(TallyCommand::Add(1), 1).await.expect("is a repeat");
    assert_eq!(store.calls(), ["append", "replay"]);
    assert!(!first.repeated);
    assert_eq!(
        again,
        Executed {
            repeated: true,
            ..first
        }
    );
    // A decision without events stores its key too.
    send(TallyCommand::MakeEven, 2).await.expect("executes");
    assert_eq!(store.calls(), ["replay", "append"]);
    done(&warm, TallyCommand::Add(1)).await;
    store.calls();
    let odd = send(TallyCommand::Double, 3).await;
    assert!(matches!(odd, Err(ExecuteError::Rejected(_))), "{odd:?}");
    assert_eq!(store.calls(), ["replay", "appended_under"]);
}

#[tokio::test]
async fn a_decision_with_io_keeps_the_cached_state_current() {
    let (store, warm, others) = warm().await;
    let add = async |tallies: &Tallies, amount| {
        let decide = async |state: Tally, context: Context| {
            state.handle(TallyCommand::Add(amount), &context)
        };
        tallies.decide("one", decide).await.expect("decides");
    };
    add(&warm, 2).await;
    assert_eq!(store.calls(), ["replay", "append"], "it reads first");
    done(&warm, TallyCommand::Add(3)).await;
    assert_eq!(store.calls(), ["append"], "on the cached state");
    // What others wrote was decided on, but is not in the cached state: the next command reads from its last event on.
    done(&others, TallyCommand::Add(4)).await;
    add(&warm, 5).await;
    store.calls();
    done(&warm, TallyCommand::Add(6)).await;
    assert_eq!(store.calls(), ["replay", "append"]);
    assert_eq!(store.replayed_after(), 2, "the cached state was at 3");
}
