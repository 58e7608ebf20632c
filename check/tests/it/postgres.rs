//! A store on PostgreSQL under all faults that every server allows, and readers that are known to lose events.

use std::{future::pending, time::Duration};

use bytes::Bytes;
use cqrs_check::{
    Bug, CheckSchema, NaiveReader, OneStatementFence, PgFaultPlan, PgFaults, Plan, Report,
    StreamNumber, Violation, WithBug, check, misplaced_streams,
};
use cqrs_core::{EventId, EventStore, ExpectedVersion, Metadata, model::NewEvent, ports::Append};
use cqrs_postgres::{PgEventStore, PgTransaction};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

pub(crate) fn url() -> String {
    std::env::var("DATABASE_URL").expect(
        "these tests need PostgreSQL: run scripts/test, which starts one, or set DATABASE_URL to a server of yours",
    )
}

/// Runs in a schema of its own. `plant` may put a bug into the store.
async fn run<S: EventStore<Transaction = PgTransaction>>(
    commits: u64,
    time_limit: Duration,
    plant: impl FnOnce(PgEventStore) -> S,
) -> Report {
    let schema = CheckSchema::open(&url(), None).await.expect("installs");
    let store = schema.store(30).await.expect("connects");
    let faults = PgFaults::new(&url(), &store, PgFaultPlan::all())
        .await
        .expect("connects");
    let plan = Plan {
        commits,
        time_limit: Some(time_limit),
        ..Plan::default()
    };
    let report = check(plan, plant(store), faults, pending()).await;
    schema.drop().await.expect("drops the schema");
    report.expect("runs")
}

/// A bug stops the run as soon as it is noticed, so the time limit matters only if it never is.
async fn run_with(bug: impl Bug<PgEventStore>) -> Report {
    run(u64::MAX, Duration::from_secs(60), |store| {
        WithBug::new(store, bug)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn our_store_keeps_every_promise_under_all_faults() {
    let report = run(3_000, Duration::from_secs(15), |store| store).await;
    assert!(report.verdict.is_clean(), "{report}");
    assert!(
        report.faults.killed > 0 && report.faults.guards_held > 0,
        "{report}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_naive_reader_loses_events() {
    let report = run_with(NaiveReader).await;
    assert!(report.verdict.count(Violation::Lost) > 0, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_and_events_read_in_one_statement_lose_events() {
    let report = run_with(OneStatementFence).await;
    assert!(report.verdict.count(Violation::Lost) > 0, "{report}");
}

#[tokio::test]
async fn an_existing_schema_is_used_only_while_it_is_empty() {
    let url = url();
    let created = CheckSchema::open(&url, None).await.expect("installs");
    let reopen = || CheckSchema::open(&url, Some(created.name().to_owned()));
    let existing = reopen().await.expect("it is empty");
    let store = existing.store(2).await.expect("connects");
    existing.drop().await.expect("does not drop the schema");
    let event = NewEvent::from_parts(
        EventId::random(),
        "Happened",
        Bytes::from_static(b"1"),
        Metadata::default(),
    );
    let append = Append::new(StreamNumber(1).id(), ExpectedVersion::Any, vec![event]);
    store.append(append).await.expect("the schema still exists");
    let error = reopen().await.expect_err("it has an event").to_string();
    assert!(error.contains("has events already"), "{error}");
    store.close().await;
    created.drop().await.expect("drops the schema");
}

#[tokio::test]
async fn a_schema_without_a_store_is_rejected() {
    let name = format!("empty_{}", Uuid::now_v7().simple());
    let mut connection = PgConnection::connect(&url()).await.expect("connects");
    let mut run = async |sql: String| {
        let done = connection.execute(AssertSqlSafe(sql)).await;
        done.expect("changes the schema");
    };
    run(format!("create schema {name}")).await;
    let opened = CheckSchema::open(&url(), Some(name.clone())).await;
    run(format!("drop schema {name}")).await;
    let error = opened.expect_err("it has no store").to_string();
    assert!(error.contains("holds no event store"), "{error}");
}

/// Any caller of the functions chooses the slice of a new stream.
#[tokio::test]
async fn a_stream_in_a_wrong_slice_is_named() {
    let schema = CheckSchema::open(&url(), None).await.expect("installs");
    let store = schema.store(2).await.expect("connects");
    let event = || {
        let payload = Bytes::from_static(b"1");
        NewEvent::from_parts(EventId::random(), "Happened", payload, Metadata::default())
    };
    for number in 1..20 {
        let events = vec![event(), event()];
        let append = Append::new(StreamNumber(number).id(), ExpectedVersion::Any, events);
        store.append(append).await.expect("appends");
    }
    let misplaced = async || misplaced_streams(&store).await.expect("reads");
    assert_eq!(misplaced().await, Vec::<String>::new());
    let call = "select __schema__.append_event('account', 'a', 7::smallint, -1, null, gen_random_uuid(), 'Happened', null, '1', \
                null, null, null, null)";
    let call = call.replace("__schema__", &format!("\"{}\"", store.schema()));
    let appended = sqlx::query(AssertSqlSafe(call)).execute(store.pool()).await;
    appended.expect("is accepted");
    let found = misplaced().await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(
        found[0].starts_with("account-a is in slice 7, "),
        "{found:?}"
    );
    store.close().await;
    schema.drop().await.expect("drops the schema");
}
