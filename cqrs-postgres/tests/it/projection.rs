//! A projection with its own SQL: its writes and its checkpoint commit together or not at all.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use cqrs_core::{
    Aggregate, CommandStore, Context, Decision, Envelope, Event, HandlerError, Projection, Runner,
    StoreError, StoreErrorKind, chain,
    model::{PartitionId, Slices},
    ports::Checkpoints,
    read::ErrorAction,
    role,
};
use cqrs_postgres::{PgEventStore, PgTransaction};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Executor};

use crate::support::fresh_store;

#[derive(Debug, Serialize, Deserialize)]
enum MoneyEvent {
    Moved { cents: i64 },
}
impl Event for MoneyEvent {
    const CATEGORY: &'static str = "money";
}

#[derive(Debug, Default)]
struct Money;
impl Aggregate for Money {
    type Command = i64;
    type Event = MoneyEvent;
    type Error = std::convert::Infallible;
    fn handle(&self, cents: i64, _: &Context) -> Decision<Self> {
        Ok(vec![MoneyEvent::Moved { cents }])
    }
    fn apply(&mut self, _: MoneyEvent) {}
}

/// A ledger in the user's own table. Every other batch fails after it was written.
struct Ledger {
    table: String,
    batches: AtomicU32,
}

#[async_trait]
impl Projection<PgEventStore> for Ledger {
    type Events = MoneyEvent;

    fn name(&self) -> &str {
        "ledger"
    }

    async fn project(
        &self,
        transaction: &mut PgTransaction,
        events: &[Envelope<MoneyEvent>],
    ) -> Result<(), HandlerError> {
        let total: i64 = events
            .iter()
            .map(|envelope| {
                let MoneyEvent::Moved { cents } = envelope.event;
                cents
            })
            .sum();
        let sql = format!(
            "update {} set total = total + $1, events = events + $2",
            self.table
        );
        let update = sqlx::query(AssertSqlSafe(sql))
            .bind(total)
            .bind(i64::try_from(events.len()).expect("few"));
        update.execute(&mut **transaction).await.expect("updates");
        if self
            .batches
            .fetch_add(1, Ordering::SeqCst)
            .is_multiple_of(2)
        {
            return Err(StoreError::new(StoreErrorKind::Unavailable, "planted").into());
        }
        Ok(())
    }
}

/// Ignores the outcome of a statement: PostgreSQL then rolls back at the commit without an error, or has ended the transaction
/// before.
struct Careless(&'static str);

#[async_trait]
impl Projection<PgEventStore> for Careless {
    type Events = MoneyEvent;

    fn name(&self) -> &str {
        "careless"
    }

    async fn project(
        &self,
        transaction: &mut PgTransaction,
        _: &[Envelope<MoneyEvent>],
    ) -> Result<(), HandlerError> {
        let _ = (&mut **transaction).execute(self.0).await;
        Ok(())
    }
}

#[tokio::test]
async fn a_commit_that_would_be_a_rollback_is_an_error() {
    for (statement, reason) in [
        ("select 1 / 0", "its error was ignored"),
        ("rollback", "has ended the transaction"),
        ("rollback; begin", "has ended the transaction"),
        ("abort and chain", "has ended the transaction"),
    ] {
        let store = fresh_store().await;
        let money = store.repository::<Money>();
        money.execute("m", 1).await.expect("executes");
        let runner = Runner::over_log::<role::Projection>(&store, Careless(statement));
        let runner = runner.expect("a projection");
        let runner = runner.on_failure(|_| ErrorAction::Stop);
        let error = runner.run(std::future::pending()).await.expect_err("stops");
        let said = chain(&error).to_string();
        assert!(said.contains(reason), "{statement}: {said}");
        let checkpoint = store.checkpoint("careless", &PartitionId::Log(Slices::ALL));
        assert_eq!(checkpoint.await.expect("reads"), None, "{statement}");
    }
}

#[tokio::test]
async fn a_projection_commits_with_its_checkpoint_or_not_at_all() {
    let store = fresh_store().await;
    let money = store.repository::<Money>();
    for n in 1..=40 {
        money
            .execute(format!("m{}", n % 3), n)
            .await
            .expect("executes");
    }
    let table = format!("\"{}\".ledger", store.schema());
    let create = format!("create table {table} as select 0::bigint as total, 0::bigint as events");
    store
        .pool()
        .execute(AssertSqlSafe(create))
        .await
        .expect("creates");

    let ledger = Ledger {
        table: table.clone(),
        batches: AtomicU32::new(0),
    };
    let runner = Runner::over_log::<role::Projection>(&store, ledger)
        .expect("a projection")
        .batch_size(7);
    runner.catch_up().await.expect("runs");
    let totals = sqlx::query_as(AssertSqlSafe(format!("select total, events from {table}")));
    let totals: (i64, i64) = totals.fetch_one(store.pool()).await.expect("reads");
    assert_eq!(totals, ((1..=40).sum(), 40));
}
