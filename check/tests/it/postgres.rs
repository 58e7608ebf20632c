//! A store on PostgreSQL under all mischief but crashes, and readers that are known to lose events.

use std::{future::pending, time::Duration};

use bytes::Bytes;
use cqrs_check::{
    CheckSchema, Fault, Kind, NaiveReader, OneStatementFence, PgMischief, PgMischiefPlan, Plan,
    Planted, Report, StreamNumber, check,
};
use cqrs_core::{Append, EventId, EventStore, ExpectedVersion, Metadata, model::NewEvent};
use cqrs_postgres::{PgEventStore, PgTransaction};

fn url() -> String {
    std::env::var("DATABASE_URL").expect(
        "these tests need PostgreSQL: run scripts/test, which starts one, or set DATABASE_URL to a server of yours",
    )
}

/// A run in a schema of its own, on the store that `plant` makes of ours.
async fn run<S: EventStore<Transaction = PgTransaction>>(
    commits: u64,
    at_most: Duration,
    plant: impl FnOnce(PgEventStore) -> S,
) -> Report {
    let schema = CheckSchema::open(&url(), None).await.expect("installs");
    let store = schema.store(30).await.expect("connects");
    let mischief = PgMischief::new(&url(), &store, PgMischiefPlan::all())
        .await
        .expect("connects");
    let plan = Plan {
        commits,
        at_most: Some(at_most),
        ..Plan::default()
    };
    let report = check(plan, plant(store), mischief, pending()).await;
    schema.drop().await.expect("drops the schema");
    report.expect("runs")
}

/// A fault stops the run as soon as it is seen; the time bounds it only if it never is.
async fn run_with(fault: impl Fault<PgEventStore>) -> Report {
    run(u64::MAX, Duration::from_secs(60), |store| {
        Planted::new(store, fault)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_store_keeps_every_promise_under_all_mischief() {
    let report = run(3_000, Duration::from_secs(15), |store| store).await;
    assert!(report.verdict.is_clean(), "{report}");
    assert!(
        report.damage.killed > 0 && report.damage.guards_held > 0,
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_naive_reader_loses_events() {
    let report = run_with(NaiveReader).await;
    assert!(report.verdict.count(Kind::Lost) > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_that_is_read_with_the_events_in_one_statement_loses_them() {
    let report = run_with(OneStatementFence).await;
    assert!(report.verdict.count(Kind::Lost) > 0, "{report}");
}

#[tokio::test]
async fn a_schema_that_was_there_is_used_only_while_it_is_empty_and_never_dropped() {
    let made = CheckSchema::open(&url(), None).await.expect("installs");
    let url = url();
    let there = || CheckSchema::open(&url, Some(made.name().to_owned()));
    let found = there().await.expect("is empty");
    let store = found.store(2).await.expect("connects");
    found.drop().await.expect("leaves it alone");
    let stream = StreamNumber(1).id();
    let event = NewEvent {
        id: EventId::random(),
        event_type: "Happened",
        payload: Bytes::from_static(b"1"),
        metadata: Metadata::default(),
    };
    let append = Append {
        stream,
        expected: ExpectedVersion::Any,
        events: vec![event],
    };
    store
        .append(append)
        .await
        .expect("the schema is still there");
    let refused = there().await.expect_err("holds somebody's event");
    assert!(
        refused.to_string().contains("has events already"),
        "{refused}"
    );
    store.close().await;
    made.drop().await.expect("drops the schema");
}

#[tokio::test]
async fn a_schema_without_a_store_is_refused() {
    let refused = CheckSchema::open(&url(), Some("public".to_owned())).await;
    let refused = refused.expect_err("holds no store");
    assert!(
        refused.to_string().contains("holds no event store"),
        "{refused}"
    );
}
