//! Processes that share a subscription over the log: the checker finds nothing in our runner, and every bug that is planted in them.

use std::{future::pending, time::Duration};

use cqrs_check::{CheckSchema, RunnerBug, RunnerPlan, RunnerReport, Violation, check_runner};

use crate::postgres::url;

async fn run(planted: Option<RunnerBug>) -> RunnerReport {
    let schema = CheckSchema::open(&url(), None).await.expect("installs");
    let plan = RunnerPlan {
        program: env!("CARGO_BIN_EXE_cqrs-check").into(),
        time: Duration::from_secs(8),
        processes: 3,
        end_session_every: Duration::from_millis(300),
        crash: None,
        planted,
    };
    let report = check_runner(plan, &url(), &schema, pending()).await;
    schema.drop().await.expect("drops the schema");
    report.expect("runs")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_runner_handles_each_event_once_and_in_order() {
    let report = run(None).await;
    assert!(report.is_clean(), "{report}");
    let counts = report.counts;
    let attacks = [
        counts.kills + counts.stops,
        counts.sessions_ended,
        counts.parked,
        counts.redriven,
    ];
    assert!(attacks.iter().all(|count| *count > 0), "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_writes_outside_of_its_transaction_doubles_events() {
    let report = run(Some(RunnerBug::WritesAside)).await;
    assert!(report.verdict.count(Violation::Duplicated) > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_swallows_failures_loses_events() {
    let report = run(Some(RunnerBug::SwallowsFailures)).await;
    assert!(report.verdict.count(Violation::Lost) > 0, "{report}");
}
