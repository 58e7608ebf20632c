//! The store in memory, as it is and with each fault.

use std::{future::pending, time::Duration};

use cqrs_check::{
    Calm, Fault, Forgets, ForgetsKeys, KeepsRolledBack, Kind, Miscounts, Plan, Planted, Repeats,
    Report, Skips, Swaps, Tears, check,
};
use cqrs_core::{EventStore, MemoryEventStore};

async fn run<S: EventStore>(store: S) -> Report {
    let plan = Plan {
        commits: 20_000,
        at_most: Some(Duration::from_secs(60)),
        ..Plan::default()
    };
    let calm = Calm("in memory".to_owned());
    check(plan, store, calm, pending()).await.expect("runs")
}

async fn run_with(fault: impl Fault<MemoryEventStore>) -> Report {
    run(Planted::new(MemoryEventStore::default(), fault)).await
}

#[track_caller]
fn assert_found(report: &Report, kind: Kind) {
    assert!(report.verdict.count(kind) > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_in_memory_keeps_every_promise() {
    let report = run(MemoryEventStore::default()).await;
    assert!(report.verdict.is_clean(), "{report}");
    assert!(report.commits >= 20_000, "{report}");
    assert!(
        report.deeds.conflicts > 0 && report.deeds.rolled_back > 0,
        "{report}"
    );
}

#[tokio::test]
async fn a_reader_that_skips_events_has_lost_them() {
    assert_found(&run_with(Skips).await, Kind::Lost);
}

#[tokio::test]
async fn a_reader_that_gets_events_twice_doubles_them() {
    assert_found(&run_with(Repeats).await, Kind::Doubled);
}

#[tokio::test]
async fn a_reader_that_gets_events_in_the_wrong_order_reorders_them() {
    assert_found(&run_with(Swaps).await, Kind::Reordered);
}

#[tokio::test]
async fn an_append_that_is_acknowledged_and_not_done_is_lost() {
    assert_found(&run_with(Forgets).await, Kind::Lost);
}

#[tokio::test]
async fn an_append_that_is_done_by_halves_is_torn() {
    assert_found(&run_with(Tears).await, Kind::Torn);
}

#[tokio::test]
async fn an_append_whose_key_is_forgotten_is_found() {
    // Made twice, or refused where it should have been answered as before: whichever comes first ends the run.
    let report = run_with(ForgetsKeys).await;
    assert!(!report.verdict.is_clean(), "{report}");
}

#[tokio::test]
async fn a_rollback_that_commits_lets_events_appear() {
    assert_found(&run_with(KeepsRolledBack).await, Kind::Appeared);
}

#[tokio::test]
async fn an_answer_with_a_wrong_version_disagrees() {
    assert_found(&run_with(Miscounts).await, Kind::Disagrees);
}
