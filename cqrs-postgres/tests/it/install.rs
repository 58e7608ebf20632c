//! Installing, upgrading, and what is said when that cannot be.

use cqrs_core::{StoreError, StoreErrorKind};
use cqrs_postgres::{PgConfig, PgEventStore};
use sqlx::{AssertSqlSafe, Executor, PgPool};

use crate::support::{fresh_config, fresh_store, url};

async fn run(store: &PgEventStore, sql: &str) {
    let sql = sql.replace("__schema__", store.schema());
    store
        .pool()
        .execute(AssertSqlSafe(sql))
        .await
        .expect("runs");
}

#[track_caller]
fn says(result: Result<PgEventStore, StoreError>, kind: StoreErrorKind, words: &str) {
    let error = result.expect_err("refused");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn installing_twice_and_at_once_changes_nothing() {
    let config = fresh_config();
    let both = tokio::join!(
        PgEventStore::install(&config),
        PgEventStore::install(&config)
    );
    assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
    PgEventStore::install(&config)
        .await
        .expect("installs again");
    PgEventStore::connect(&config).await.expect("connects");
}

#[tokio::test]
async fn the_users_own_migrations_are_left_alone() {
    let store = fresh_store().await;
    let ledgers =
        "select array_agg(schemaname::text) from pg_tables where tablename = '_sqlx_migrations'";
    let ledgers: Option<Vec<String>> = sqlx::query_scalar(ledgers)
        .fetch_one(store.pool())
        .await
        .expect("reads");
    assert!(
        !ledgers
            .unwrap_or_default()
            .contains(&store.schema().to_owned())
    );
}

#[tokio::test]
async fn a_schema_that_is_missing_older_or_newer_is_refused_by_name() {
    let config = fresh_config();
    says(
        PgEventStore::connect(&config).await,
        StoreErrorKind::Schema,
        "run PgEventStore::install",
    );
    PgEventStore::install(&config).await.expect("installs");
    let store = PgEventStore::connect(&config).await.expect("connects");
    run(
        &store,
        "update __schema__.migrations set version = 99 where version = 4",
    )
    .await;
    says(
        PgEventStore::connect(&config).await,
        StoreErrorKind::Schema,
        "upgraded by a newer version",
    );
    let error = PgEventStore::install(&config).await.expect_err("refused");
    assert_eq!(error.kind(), StoreErrorKind::Schema, "{error}");
    run(
        &store,
        "delete from __schema__.migrations where version = 99",
    )
    .await;
    says(
        PgEventStore::connect(&config).await,
        StoreErrorKind::Schema,
        "this version needs 4; run PgEventStore::install",
    );
}

#[tokio::test]
async fn a_schema_of_another_build_is_refused_by_name() {
    let config = fresh_config();
    PgEventStore::install(&config).await.expect("installs");
    let store = PgEventStore::connect(&config).await.expect("connects");
    let other = "update __schema__.migrations set checksum = '\\x00' where version = 4";
    run(&store, other).await;
    let made = "made by another build, whose migration 4 is not the one of this version";
    says(
        PgEventStore::connect(&config).await,
        StoreErrorKind::Schema,
        made,
    );
    let error = PgEventStore::install(&config).await.expect_err("refused");
    assert!(error.to_string().contains(made), "{error}");
}

#[tokio::test]
async fn a_sequence_that_would_reuse_positions_is_refused() {
    for tampering in [
        "alter sequence __schema__.position cache 20",
        "select setval('__schema__.position', 0)",
    ] {
        let config = fresh_config();
        PgEventStore::install(&config).await.expect("installs");
        let store = PgEventStore::connect(&config).await.expect("connects");
        let insert = "insert into __schema__.events (position, category, aggregate_id, version, slice, event_id, \
                      event_type, schema_version, payload) \
                      values (nextval('__schema__.position'), 'a', 'b', 1, 0, gen_random_uuid(), 'c', 1, '1')";
        run(&store, insert).await;
        run(&store, tampering).await;
        says(
            PgEventStore::connect(&config).await,
            StoreErrorKind::Misconfigured,
            "would reuse positions",
        );
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_used_is_named() {
    let connect = async |url: &str| PgEventStore::connect(&PgConfig::new(url)).await;
    says(
        connect("postgres://127.0.0.1:1/none").await,
        StoreErrorKind::Unavailable,
        "127.0.0.1:1 cannot be reached",
    );
    says(
        connect("http://nowhere").await,
        StoreErrorKind::Misconfigured,
        "postgres://user:password@host",
    );
    let missing = format!("{}_missing", url());
    says(
        connect(&missing).await,
        StoreErrorKind::Misconfigured,
        "the database does not exist",
    );
    let bad_schema = PgConfig::new(url()).schema("No Schema");
    says(
        PgEventStore::connect(&bad_schema).await,
        StoreErrorKind::InvalidInput,
        "lower-case letters",
    );
}

#[tokio::test]
async fn reads_use_the_indexes_even_on_an_empty_table() {
    let store = fresh_store().await;
    let plan = async |sql: &str| {
        let sql = format!("explain {}", sql.replace("__schema__", store.schema()));
        let lines: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_all(store.pool())
            .await
            .expect("explains");
        lines.join("\n")
    };
    for sql in [
        "select * from __schema__.events where position > 5 and position <= 9 and slice >= 0 order by position limit 10",
        "select * from __schema__.events where category = 'a' and aggregate_id = 'b' and version > 1 order by version",
        "select event_id from __schema__.events where position = 7",
    ] {
        let plan = plan(sql).await;
        assert!(
            plan.contains("Index Scan") && !plan.contains("Seq Scan"),
            "{plan}"
        );
    }
}

#[tokio::test]
async fn a_lost_database_is_no_panic() {
    let store = fresh_store().await;
    let pool: &PgPool = store.pool();
    pool.close().await;
    let error = cqrs_core::EventStore::high_water_mark(&store)
        .await
        .expect_err("closed");
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
}

#[tokio::test]
async fn a_schema_may_be_called_like_a_keyword() {
    let url = url();
    let admin = PgPool::connect(&url).await.expect("connects");
    for name in ["order", "user"] {
        admin
            .execute(AssertSqlSafe(format!(
                "drop schema if exists \"{name}\" cascade"
            )))
            .await
            .expect("drops");
        let config = PgConfig::new(&url).schema(name);
        PgEventStore::install(&config).await.expect("installs");
        let store = PgEventStore::connect(&config).await.expect("connects");
        cqrs_core::EventStore::high_water_mark(&store)
            .await
            .expect("reads");
        cqrs_core::Documents::prepare_view(&store, "orders")
            .await
            .expect("prepares");
        admin
            .execute(AssertSqlSafe(format!("drop schema \"{name}\" cascade")))
            .await
            .expect("drops");
    }
}
