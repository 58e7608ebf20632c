//! A projection with one row for each event, some of which are parts of an older one.

use async_trait::async_trait;
use cqrs_core::{
    Envelope, Event, EventId, EventStore, ExpectedVersion, HandlerError, Metadata, Projection,
    Runner, StreamId,
    model::{NewEvent, Part, Upcaster},
    ports::Append,
    role,
};
use cqrs_postgres::{PgEventStore, PgTransaction};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};

use crate::support::fresh_store;

#[derive(Debug, Serialize, Deserialize)]
enum AccountEvent {
    Opened { owner: String },
    Deposited { cents: i64 },
}

impl Event for AccountEvent {
    const CATEGORY: &'static str = "account";
    const UPCASTERS: &'static [Upcaster] = &[Upcaster::split(
        "Opened",
        1,
        &[("Opened", 2), ("Deposited", 1)],
        opened_with_deposits,
    )];
}

fn opened_with_deposits(old: &Value) -> Vec<Part> {
    let opened = Part::new("Opened", json!({ "owner": old["owner"] }));
    let deposits = old["deposits"].as_array().into_iter().flatten();
    let deposits = deposits.map(|cents| Part::new("Deposited", json!({ "cents": cents })));
    std::iter::once(opened).chain(deposits).collect()
}

/// Inserts each event once: a row that is there already is left alone.
struct Rows {
    table: String,
}

#[async_trait]
impl Projection<PgEventStore> for Rows {
    type Events = AccountEvent;

    fn name(&self) -> &str {
        "rows"
    }

    async fn project(
        &self,
        transaction: &mut PgTransaction,
        events: &[Envelope<AccountEvent>],
    ) -> Result<(), HandlerError> {
        for event in events {
            let sql = format!(
                "insert into {} values ($1, $2, $3) on conflict do nothing",
                self.table
            );
            let cents = match &event.event {
                AccountEvent::Opened { owner } => i64::try_from(owner.len()).expect("short"),
                AccountEvent::Deposited { cents } => *cents,
            };
            let insert = sqlx::query(AssertSqlSafe(sql))
                .bind(event.recorded.id.as_uuid())
                .bind(i32::try_from(event.part).expect("few"))
                .bind(cents);
            insert.execute(&mut **transaction).await.expect("inserts");
        }
        Ok(())
    }
}

/// Detects parts that a key of event id and part takes for one event.
#[tokio::test]
async fn a_projection_tells_the_parts_of_an_event_apart() {
    let store = fresh_store().await;
    let table = format!("\"{}\".rows", store.schema());
    let create = format!(
        "create table {table} (event uuid, part integer, cents bigint, primary key (event, part))"
    );
    let created = store.pool().execute(AssertSqlSafe(create)).await;
    created.expect("creates");
    let event = |event_type, version, payload: Value| {
        let payload = payload.to_string().into_bytes();
        NewEvent::from_parts(EventId::random(), event_type, payload, Metadata::default())
            .schema_version(version)
    };
    let opened = json!({ "owner": "ann", "deposits": [5, 6] });
    let events = vec![
        event("Opened", 1, opened),
        event("Deposited", 1, json!({ "cents": 7 })),
    ];
    let stream = StreamId::of::<AccountEvent>("ann").expect("a valid id");
    let append = Append::new(stream, ExpectedVersion::NoStream, events);
    store.append(append).await.expect("appends");

    let rows = Rows {
        table: table.clone(),
    };
    let runner = Runner::over_log::<role::Projection>(&store, rows).expect("a projection");
    runner.batch_size(1).catch_up().await.expect("runs");
    let read = format!("select part, cents from {table} order by cents");
    let read = sqlx::query_as(AssertSqlSafe(read)).fetch_all(store.pool());
    let rows: Vec<(i32, i64)> = read.await.expect("reads");
    assert_eq!(rows, [(0, 3), (1, 5), (2, 6), (0, 7)]);
}
