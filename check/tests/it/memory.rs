//! The store in memory, as it is and with each bug.

use std::{future::pending, time::Duration};

use cqrs_check::{
    Bug, CommitsRollbacks, ForgetsAppends, ForgetsKeys, NoFaults, Plan, RepeatsEvents, Report,
    ReturnsWrongVersion, SkipsEvents, SwapsEvents, TearsAppends, Violation, WithBug, check,
};
use cqrs_core::{EventStore, MemoryEventStore};

async fn run<S: EventStore>(store: S) -> Report {
    let plan = Plan {
        commits: 20_000,
        time_limit: Some(Duration::from_secs(60)),
        ..Plan::default()
    };
    let faults = NoFaults("in memory".to_owned());
    check(plan, store, faults, pending()).await.expect("runs")
}

async fn run_with(bug: impl Bug<MemoryEventStore>) -> Report {
    run(WithBug::new(MemoryEventStore::default(), bug)).await
}

#[track_caller]
fn assert_found(report: &Report, kind: Violation) {
    assert!(report.verdict.count(kind) > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_in_memory_keeps_every_promise() {
    let report = run(MemoryEventStore::default()).await;
    assert!(report.verdict.is_clean(), "{report}");
    assert!(report.commits >= 20_000, "{report}");
    assert!(
        report.stats.conflicts > 0 && report.stats.rolled_back > 0,
        "{report}"
    );
}

#[tokio::test]
async fn a_reader_that_skips_events_loses_them() {
    assert_found(&run_with(SkipsEvents).await, Violation::Lost);
}

#[tokio::test]
async fn a_reader_that_repeats_events_duplicates_them() {
    assert_found(&run_with(RepeatsEvents).await, Violation::Duplicated);
}

#[tokio::test]
async fn a_reader_that_swaps_events_reorders_them() {
    assert_found(&run_with(SwapsEvents).await, Violation::Reordered);
}

#[tokio::test]
async fn an_append_that_is_acknowledged_but_not_done_is_lost() {
    assert_found(&run_with(ForgetsAppends).await, Violation::Lost);
}

#[tokio::test]
async fn an_append_that_is_only_partly_done_is_torn() {
    assert_found(&run_with(TearsAppends).await, Violation::Torn);
}

#[tokio::test]
async fn an_append_that_ignores_its_key_is_found() {
    // The repeat is appended again, or rejected with a conflict. Either ends the run.
    let report = run_with(ForgetsKeys).await;
    assert!(!report.verdict.is_clean(), "{report}");
}

#[tokio::test]
async fn a_rollback_that_commits_has_unexpected_events() {
    assert_found(&run_with(CommitsRollbacks).await, Violation::Unexpected);
}

#[tokio::test]
async fn an_answer_with_a_wrong_version_is_a_mismatch() {
    assert_found(&run_with(ReturnsWrongVersion).await, Violation::Mismatch);
}
