//! Older events in PostgreSQL and in a topic of Apache Kafka, read by an aggregate, a view, a reactor and a projection.

use async_trait::async_trait;
use cqrs_core::{
    HandlerError,
    model::{NewEvent, Part, Upcaster},
    ports::Append,
    prelude::*,
};
use cqrs_kafka::{KafkaGroup, KafkaTopics};
use cqrs_postgres::{PgEventStore, PgTransaction, store_error};
use cqrs_tests::servers::{eventually, fresh_name, kafka, store};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

/// The first release had `Opened { owner, cents }`, `Deposited { cents }`, `Withdrawn { cents }` and `Pinged`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum AccountEvent {
    Opened {
        owner: String,
    },
    /// The field was renamed.
    Deposited {
        amount: u64,
    },
    /// The reason is new, and required.
    Withdrawn {
        cents: u64,
        reason: String,
    },
}

impl Event for AccountEvent {
    const CATEGORY: &'static str = "account";
    const UPCASTERS: &'static [Upcaster] = &[
        Upcaster::json("Deposited", 1, |old| {
            *old = json!({ "amount": old["cents"] });
        }),
        Upcaster::split(
            "Opened",
            1,
            &[("Opened", 2), ("Deposited", 1)],
            opened_with_a_deposit,
        ),
        Upcaster::json("Withdrawn", 1, |old| old["reason"] = "unknown".into()),
        Upcaster::dropped("Pinged", 1),
    ];
}

fn opened_with_a_deposit(old: &Value) -> Vec<Part> {
    vec![
        Part::new("Opened", json!({ "owner": old["owner"] })),
        Part::new("Deposited", json!({ "cents": old["cents"] })),
    ]
}

#[derive(Debug, Default)]
struct Account {
    balance: u64,
}

impl Aggregate for Account {
    type Command = u64;
    type Event = AccountEvent;
    type Error = std::fmt::Error;

    fn handle(&self, cents: u64, _: &Context) -> Decision<Self> {
        if cents > self.balance {
            return Err(std::fmt::Error);
        }
        let reason = "rent".to_owned();
        Ok(vec![AccountEvent::Withdrawn { cents, reason }])
    }

    fn apply(&mut self, event: AccountEvent) {
        match event {
            AccountEvent::Opened { .. } => {}
            AccountEvent::Deposited { amount } => self.balance += amount,
            AccountEvent::Withdrawn { cents, .. } => self.balance -= cents,
        }
    }
}

/// An account as a text: its owner, then each movement.
struct Statements;

impl View for Statements {
    const NAME: &'static str = "statements";
    type Events = AccountEvent;
    type Document = Vec<String>;

    fn keys(&self, event: &Envelope<AccountEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(
        &self,
        _: &str,
        lines: Option<Vec<String>>,
        event: &Envelope<AccountEvent>,
    ) -> Option<Vec<String>> {
        let mut lines = lines.unwrap_or_default();
        lines.push(match &event.event {
            AccountEvent::Opened { owner } => owner.clone(),
            AccountEvent::Deposited { amount } => format!("+{amount}"),
            AccountEvent::Withdrawn { cents, reason } => format!("-{cents} {reason}"),
        });
        Some(lines)
    }
}

#[derive(Debug, Serialize, Deserialize)]
enum PointsEvent {
    Earned { points: u64 },
}

impl Event for PointsEvent {
    const CATEGORY: &'static str = "points";
}

#[derive(Debug, Default)]
struct Points(u64);

impl Aggregate for Points {
    type Command = u64;
    type Event = PointsEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, points: u64, _: &Context) -> Decision<Self> {
        Ok(vec![PointsEvent::Earned { points }])
    }

    fn apply(&mut self, PointsEvent::Earned { points }: PointsEvent) {
        self.0 += points;
    }
}

/// A point for each unit that is deposited.
struct Earning;

impl Reactor for Earning {
    const NAME: &'static str = "earning";
    type Events = AccountEvent;
    type Commands = To<Points>;

    fn react(&self, event: &Envelope<AccountEvent>) -> Vec<To<Points>> {
        match event.event {
            AccountEvent::Deposited { amount } => vec![To::new(event.id(), amount)],
            _ => vec![],
        }
    }
}

/// A row for each event.
struct Rows(String);

impl Rows {
    async fn create(store: &PgEventStore) -> Self {
        let table = format!("\"{}\".rows", store.schema());
        let create = format!(
            "create table {table} (event uuid, part int, cents bigint, primary key (event, part))"
        );
        let created = sqlx::query(AssertSqlSafe(create)).execute(store.pool());
        created.await.expect("creates");
        Self(table)
    }
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
            let cents = match &event.event {
                AccountEvent::Opened { .. } => 0,
                AccountEvent::Deposited { amount } => i64::try_from(*amount).expect("small"),
                AccountEvent::Withdrawn { cents, .. } => -i64::try_from(*cents).expect("small"),
            };
            let insert = format!("insert into {} values ($1, $2, $3)", self.0);
            let insert = sqlx::query(AssertSqlSafe(insert))
                .bind(event.recorded.id.as_uuid())
                .bind(i32::try_from(event.part).expect("few"))
                .bind(cents);
            let inserted = insert.execute(&mut **transaction).await;
            inserted.map_err(store_error)?;
        }
        Ok(())
    }
}

/// What the first release has stored.
async fn append_old_events(store: &PgEventStore) {
    let event = |event_type, payload: Value| {
        let payload = payload.to_string().into_bytes();
        NewEvent::from_parts(EventId::random(), event_type, payload, Metadata::default())
    };
    let events = vec![
        event("Opened", json!({ "owner": "Ann", "cents": 1_000 })),
        event("Deposited", json!({ "cents": 500 })),
        event("Pinged", json!({})),
        event("Withdrawn", json!({ "cents": 300 })),
    ];
    let stream = StreamId::of::<AccountEvent>("ann").expect("a valid id");
    let append = Append::new(stream, ExpectedVersion::NoStream, events);
    store.append(append).await.expect("appends");
}

/// One old event was split, and one was dropped.
async fn assert_read(store: &PgEventStore, rows: &str) {
    let statements = ReadModel::<Statements, _>::new(store);
    let statement = statements.get("ann").await.expect("reads");
    let lines = ["Ann", "+1000", "+500", "-300 unknown", "-200 rent"];
    assert_eq!(statement, Some(lines.map(str::to_owned).to_vec()));
    let points = store.repository::<Points>().load("ann").await;
    assert_eq!(points.expect("loads").state.0, 1_500);
    let sql = format!("select part, cents from {rows} order by cents, part");
    let read = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(store.pool());
    let read: Vec<(i32, i64)> = read.await.expect("reads");
    assert_eq!(read, [(0, -300), (0, -200), (0, 0), (0, 500), (1, 1_000)]);
}

/// Each batch has one event, so that a part that counts as a repeat would be lost.
#[tokio::test(flavor = "multi_thread")]
async fn every_role_reads_older_events_from_log_and_topic() {
    let name = fresh_name();
    let sales = store(&name).await;
    append_old_events(&sales).await;
    let account = sales.repository::<Account>();
    assert_eq!(
        account.load("ann").await.expect("loads").state.balance,
        1_200
    );
    assert!(account.execute("ann", 1_201).await.is_err());
    account.execute("ann", 200).await.expect("is covered");

    let rows = Rows::create(&sales).await;
    let table = rows.0.clone();
    let runner = Runner::over_log(&sales, Statements).expect("a view");
    runner.batch_size(1).catch_up().await.expect("runs");
    let runner = Runner::over_log(&sales, Earning).expect("a reactor");
    runner.batch_size(1).catch_up().await.expect("runs");
    let runner = Runner::over_log(&sales, rows).expect("a projection");
    runner.batch_size(1).catch_up().await.expect("runs");
    assert_read(&sales, &table).await;

    let kafka = kafka(&name);
    publish(&sales, &kafka).await;
    let reports = store(&fresh_name()).await;
    let rows = Rows::create(&reports).await;
    let table = rows.0.clone();
    let topic = |role: &str| {
        let group = KafkaGroup::new(&kafka, format!("{name}-{role}"));
        group.categories(["account"]).source()
    };
    let runner = Runner::over(&reports, Statements, topic("statements")).expect("a view");
    runner.batch_size(1).catch_up().await.expect("runs");
    let runner = Runner::over(&reports, Earning, topic("earning")).expect("a reactor");
    runner.batch_size(1).catch_up().await.expect("runs");
    let runner = Runner::over(&reports, rows, topic("rows")).expect("a projection");
    runner.batch_size(1).catch_up().await.expect("runs");
    assert_read(&reports, &table).await;
}

/// Publishes the whole log.
async fn publish(store: &PgEventStore, kafka: &cqrs_kafka::KafkaConfig) {
    let topics = KafkaTopics::new(kafka).partitions(2);
    let created = topics.create_for_categories(["account", "points"]);
    created.await.expect("creates topics");
    let created = topics.create_for_relay("relay", 1);
    created.await.expect("creates the progress topic");
    let relay = crate::support::relay(store, kafka);
    let progress = relay.progress();
    let end = store.high_water_mark().await.expect("reads").get();
    let published = eventually("all is published", || async {
        let partitions = progress.partitions();
        let mut published = partitions.values().filter_map(|it| it.checkpoint);
        published.any(|checkpoint| checkpoint.offset.get() >= end)
    });
    relay.run(published).await.expect("publishes");
}
