//! Stores with a bad habit are found out, and honest ones are left alone.

mod planted;

use self::planted::{Habit, Planted};
use super::*;

/// Far more than any of these habits has taken so far.
const HISTORIES: usize = 10_000;

macro_rules! are_found_out {
    ($($name:ident: $habit:expr)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[should_panic(expected = "a history that is not linearizable")]
            async fn $name() {
                every_history_is_linearizable(Planted::new($habit), HISTORIES).await;
            }
        )+
    };
}

are_found_out! {
    reads_that_are_one_event_behind: Habit::ReadsOneBehind
    reads_that_another_reader_has_made_before: Habit::SharesReads
    expectations_that_are_ignored: Habit::IgnoresExpectations
    expectations_that_are_checked_before_the_write: Habit::ChecksThenWrites
    guards_that_are_ignored: Habit::IgnoresGuards
    appends_that_are_torn: Habit::TearsAppends
    appends_that_are_lost: Habit::LosesAppends
    refused_appends_that_are_kept: Habit::KeepsWhatItRefuses
    conflicts_that_name_another_version: Habit::NamesAnotherVersion
    conflicts_that_name_an_older_version: Habit::NamesAnOlderVersion
    failures_that_wrote: Habit::FailsAndWrites
    keys_that_are_forgotten: Habit::ForgetsKeys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_were_lost_may_have_been_either() {
    every_history_is_linearizable(Planted::new(Habit::LosesAnswers), 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_far_away_is_asked_by_many_at_the_same_time_and_refuses_some() {
    let far_away = Planted::new(Habit::IsFarAway);
    let tally = search(&[far_away], 1, 1_000)
        .await
        .unwrap_or_else(|finding| panic!("{finding}"));
    assert_eq!(tally.histories, 1_000);
    assert!(tally.operations > 8 * tally.histories, "{tally:?}");
    assert!(tally.overlapping * 2 > tally.operations, "{tally:?}");
    assert!(tally.refused * 10 > tally.operations, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[should_panic(expected = "that shows nothing")]
async fn a_store_that_only_fails_shows_nothing() {
    every_history_is_linearizable(Planted::new(Habit::Fails), 10).await;
}
