//! What a command asks of the store, call by call.

use super::{
    scripted::Scripted,
    tally::{Ask, Tally},
    world::{Tallies, ask_for},
};
use crate::write::repository::{ExecuteError, Executed, Repository, SnapshotPolicy};

/// A store whose stream has one event, and a repository that knows its state; another one, to overtake it.
async fn warm() -> (Scripted, Tallies, Tallies) {
    let store = Scripted::default();
    let tallies = || Repository::<Tally, _>::new(store.clone());
    let (ours, others) = (tallies(), tallies());
    done(&ours, Ask::Add(1)).await;
    store.calls();
    (store, ours, others)
}

async fn done(tallies: &Tallies, ask: Ask) {
    ask_for(tallies, ask, None).await.expect("executes");
}

async fn refused(tallies: &Tallies, ask: Ask) {
    let refused = ask_for(tallies, ask, None).await;
    assert!(
        matches!(refused, Err(ExecuteError::Rejected(_))),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_cold_command_takes_two_round_trips_and_a_warm_one_takes_one() {
    let (store, warm, cold) = warm().await;
    done(&cold, Ask::Add(1)).await;
    assert_eq!(store.calls(), ["replay", "append"]);
    done(&cold, Ask::AddTwice(1)).await;
    done(&cold, Ask::Add(1)).await;
    assert_eq!(store.calls(), ["append", "append"]);
    // Its state was overtaken: that is seen when it appends.
    done(&warm, Ask::Add(1)).await;
    assert_eq!(store.calls(), ["append", "replay", "append"]);
    done(&warm.cache(0), Ask::Add(1)).await;
    assert_eq!(store.calls(), ["replay", "append"]);
}

#[tokio::test]
async fn what_others_write_to_as_well_is_read_before_it_is_decided_on_until_they_stop() {
    let (store, here, there) = warm().await;
    done(&there, Ask::Add(1)).await;
    store.calls();
    done(&here, Ask::Add(2)).await;
    assert_eq!(store.calls(), ["append", "replay", "append"], "in vain");
    done(&there, Ask::Add(3)).await;
    store.calls();
    done(&here, Ask::Add(4)).await;
    assert_eq!(store.calls(), ["replay", "append"], "looked at before");
    done(&here, Ask::Add(5)).await;
    assert_eq!(store.calls(), ["replay", "append"], "nobody was there");
    done(&here, Ask::Add(6)).await;
    assert_eq!(store.calls(), ["append"]);
}

#[tokio::test]
async fn what_appends_nothing_is_confirmed_by_one_read() {
    let (store, warm, others) = warm().await;
    refused(&warm, Ask::Double).await;
    assert_eq!(store.calls(), ["replay"]);
    // A cold one has just read.
    refused(&others, Ask::Double).await;
    assert_eq!(store.calls(), ["replay"]);
    done(&others, Ask::MakeEven).await;
    assert_eq!(store.calls(), ["append"]);
    done(&others, Ask::MakeEven).await;
    assert_eq!(store.calls(), ["replay"]);
    // What was read to confirm a refusal may make it a decision.
    done(&warm, Ask::Double).await;
    assert_eq!(store.calls(), ["replay", "append"]);
    done(&warm, Ask::Add(0)).await;
    assert_eq!(store.calls(), ["replay", "append"], "others were there");
    done(&warm, Ask::Add(0)).await;
    assert_eq!(store.calls(), ["append"]);
}

#[tokio::test]
async fn a_snapshot_is_read_with_its_events_in_one_round_trip() {
    let (store, warm, _) = warm().await;
    let cold = warm.cache(0).snapshots(SnapshotPolicy::on_demand());
    done(&cold, Ask::Add(1)).await;
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
async fn a_key_costs_a_round_trip_only_where_it_has_something_to_tell() {
    let (store, warm, _) = warm().await;
    let asked = async |ask, key| ask_for(&warm, ask, Some(key)).await;
    let first = asked(Ask::Add(1), 1).await.expect("executes");
    assert_eq!(store.calls(), ["append"]);
    let again = asked(Ask::Add(1), 1).await.expect("is a repeat");
    assert_eq!(store.calls(), ["append", "replay"]);
    assert!(!first.repeated);
    assert_eq!(
        again,
        Executed {
            repeated: true,
            ..first
        }
    );
    // That nothing was to be done is remembered too.
    asked(Ask::MakeEven, 2).await.expect("executes");
    assert_eq!(store.calls(), ["replay", "append"]);
    done(&warm, Ask::Add(1)).await;
    store.calls();
    let odd = asked(Ask::Double, 3).await;
    assert!(matches!(odd, Err(ExecuteError::Rejected(_))), "{odd:?}");
    assert_eq!(store.calls(), ["replay", "appended_under"]);
}
