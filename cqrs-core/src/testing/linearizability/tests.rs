//! Stores with a flaw are found out, and honest ones are left alone.

mod planted;

use self::planted::{Flaw, Planted};
use super::*;

/// Far more than any flaw below has taken so far.
const HISTORIES: usize = 10_000;

macro_rules! are_found_out {
    ($($name:ident: $flaw:expr)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            #[should_panic(expected = "a history that is not linearizable")]
            async fn $name() {
                every_history_is_linearizable(Planted::new($flaw), HISTORIES).await;
            }
        )+
    };
}

are_found_out! {
    reads_that_are_one_event_behind: Flaw::ReadsOneBehind
    expectations_that_are_ignored: Flaw::IgnoresExpectations
    expectations_that_are_checked_before_the_write: Flaw::ChecksThenWrites
    guards_that_are_ignored: Flaw::IgnoresGuards
    appends_that_are_torn: Flaw::TearsAppends
    appends_that_are_lost: Flaw::LosesAppends
    refused_appends_that_are_kept: Flaw::KeepsWhatItRefuses
    conflicts_that_name_another_version: Flaw::NamesAnotherVersion
    failures_that_wrote: Flaw::FailsAndWrites
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_that_were_lost_may_have_been_either() {
    every_history_is_linearizable(Planted::new(Flaw::LosesAnswers), 1_000).await;
}
