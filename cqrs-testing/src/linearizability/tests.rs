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
    reads_one_event_behind_are_found: Fault::ReadsOneBehind
    results_of_an_earlier_read_are_found: Fault::SharesReads
    ignored_expectations_are_found: Fault::IgnoresExpectations
    versions_checked_before_the_write_are_found: Fault::ChecksThenWrites
    ignored_read_only_participants_are_found: Fault::IgnoresReadOnlyParticipants
    torn_appends_are_found: Fault::TearsAppends
    lost_appends_are_found: Fault::LosesAppends
    written_rejected_appends_are_found: Fault::KeepsRejected
    conflicts_with_a_wrong_version_are_found: Fault::NamesAnotherVersion
    conflicts_with_an_old_version_are_found: Fault::NamesAnOlderVersion
    failures_that_wrote_are_found: Fault::FailsAndWrites
    forgotten_keys_are_found: Fault::ForgetsKeys
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
