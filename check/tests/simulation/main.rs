//! Runners and relays under thousands of schedules, on one thread and a clock that stands still.
//!
//! Every call of every process waits at a gate. A schedule says which one is made, which fails, whose answer is lost, who is killed or
//! stopped, what somebody changes meanwhile, and when time passes. After each step the documents must be the fold of the log, and what was
//! published a prefix of it; at the end everything is handled in a bounded number of rounds.
//!
//! `CQRS_SCHEDULES=50000` plays more, `CQRS_SEED` others.

mod broker;
mod bug;
mod desk;
mod explore;
mod fold;
mod gated;
mod journal;
mod planted;
mod schedule;
mod world;

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};

use self::{
    bug::Bug,
    explore::{Found, explore, play},
    schedule::{Schedule, of_layouts, of_relays, of_runners, of_takeovers},
};

/// How many schedules are played of runners and of relays, unless `CQRS_SCHEDULES` sets it.
const SCHEDULES: u32 = 1_000;

/// How many lines of a trace are shown.
const SHOWN: usize = 150;

fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect("a number"))
}

fn describe(found: &Found) -> String {
    let Found {
        why,
        schedule,
        trace,
        ..
    } = found;
    let shown = trace.iter().take(SHOWN).map(|line| format!("\n  {line}"));
    let trace = String::from_iter(shown);
    format!("{why}\n{schedule:?}{trace}")
}

#[track_caller]
fn holds(schedules: impl Strategy<Value = Schedule>) {
    let count = variable("CQRS_SCHEDULES").map(|count| count.try_into().expect("fits"));
    let seed = variable("CQRS_SEED").unwrap_or_else(|| fastrand::u64(..));
    if let Some(found) = explore(schedules, None, count.unwrap_or(SCHEDULES), seed) {
        panic!("CQRS_SEED={seed}: {}", describe(&found));
    }
}

#[test]
fn runners_keep_the_fold_under_every_schedule() {
    holds(of_runners());
}

#[test]
fn relays_publish_a_prefix_under_every_schedule() {
    holds(of_relays());
}

/// The seed of the tests of bugs: they find the same each time.
const SEED: u64 = 17;

/// How many schedules a bug may take.
const UNTIL_FOUND: u32 = 2_000;

/// The bug is found, and made so short that a person reads it.
#[track_caller]
fn finds(schedules: impl Strategy<Value = Schedule>, bug: Bug) {
    let found = explore(schedules, Some(bug), UNTIL_FOUND, SEED).expect("the bug is found");
    println!(
        "found after {} schedules: {}",
        found.after,
        describe(&found)
    );
    let (setup, steps) = &found.schedule;
    assert!(steps.len() <= 25, "{}", describe(&found));
    let without = play(*setup, steps, None).outcome;
    assert_eq!(without, Ok(()), "without the bug");
}

#[test]
fn a_role_that_keeps_documents_over_a_failure_is_found() {
    finds(of_runners(), Bug::KeepsDocuments);
}

#[test]
fn a_role_that_writes_in_a_transaction_of_its_own_is_found() {
    finds(of_runners(), Bug::WritesAside);
}

#[test]
fn a_checkpoint_that_moves_before_its_batch_is_found() {
    finds(of_runners(), Bug::CheckpointAside);
}

#[test]
fn parked_keys_that_are_read_before_the_claim_are_found() {
    finds(of_takeovers(), Bug::KeysBeforeClaim);
}

#[test]
fn epochs_that_begin_again_are_found() {
    finds(of_layouts(), Bug::EpochsBeginAgain);
}

#[test]
fn joined_parts_that_forget_what_is_ahead_are_found() {
    finds(of_runners(), Bug::ForgetsAhead);
}

#[test]
fn an_owner_that_is_asked_only_for_its_lease_is_found() {
    finds(of_runners(), Bug::LeaseAlone);
}

#[test]
fn a_redrive_from_outside_is_found() {
    finds(of_takeovers(), Bug::RedrivesOutside);
}

#[test]
fn a_session_that_is_not_fenced_is_found() {
    finds(of_relays(), Bug::UnfencedSession);
}

#[test]
fn progress_that_is_recorded_behind_its_events_is_found() {
    finds(of_relays(), Bug::ProgressAside);
}

/// A failure can be repeated: the same schedule is the same run.
#[test]
fn the_same_schedule_has_the_same_trace() {
    for schedules in [of_runners().boxed(), of_relays().boxed()] {
        let mut runner = TestRunner::deterministic();
        for _ in 0..100 {
            let tree = schedules.new_tree(&mut runner).expect("a schedule");
            let (setup, steps) = tree.current();
            let first = play(setup, &steps, None).trace;
            assert_eq!(first, play(setup, &steps, None).trace);
        }
    }
}
