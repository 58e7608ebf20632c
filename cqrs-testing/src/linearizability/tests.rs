//! The test finds the faults of faulty stores and accepts correct stores.

mod faulty;

use self::faulty::{Fault, FaultyStore};
use super::*;

/// Far more than any of these faults has needed so far.
const HISTORIES: usize = 10_000;

macro_rules! are_found {
    ($($name:ident: $fault:expr)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[should_panic(expected = "a history that is not linearizable")]
            async fn $name() {
                every_history_is_linearizable(FaultyStore::new($fault), HISTORIES).await;
            }
        )+
    };
}

are_found! {
    reads_that_are_one_event_behind: Fault::ReadsOneBehind
    reads_that_are_shared_with_an_earlier_reader: Fault::SharesReads
    expectations_that_are_ignored: Fault::IgnoresExpectations
    expectations_that_are_checked_before_the_write: Fault::ChecksThenWrites
    read_only_participants_that_are_ignored: Fault::IgnoresGuards
    appends_that_are_not_atomic: Fault::TearsAppends
    appends_that_are_lost: Fault::LosesAppends
    rejected_appends_that_are_kept: Fault::KeepsRejected
    conflicts_that_name_another_version: Fault::NamesAnotherVersion
    conflicts_that_name_an_older_version: Fault::NamesAnOlderVersion
    failures_that_wrote: Fault::FailsAndWrites
    keys_that_are_forgotten: Fault::ForgetsKeys
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_reply_allows_both_outcomes() {
    every_history_is_linearizable(FaultyStore::new(Fault::LosesReplies), 1_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_store_gets_concurrent_calls_and_rejects_some() {
    let slow = FaultyStore::new(Fault::IsSlow);
    let tally = search(&[slow], 1, 1_000)
        .await
        .unwrap_or_else(|finding| panic!("{finding}"));
    assert_eq!(tally.histories, 1_000);
    assert!(tally.operations > 8 * tally.histories, "{tally:?}");
    assert!(tally.overlapping * 2 > tally.operations, "{tally:?}");
    assert!(tally.rejected * 10 > tally.operations, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[should_panic(expected = "so this proves nothing")]
async fn a_store_that_always_fails_proves_nothing() {
    every_history_is_linearizable(FaultyStore::new(Fault::Fails), 10).await;
}
