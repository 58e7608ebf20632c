//! Installs and upgrades, and the errors when that is not possible.

use cqrs_core::{
    EventStore, StoreError, StoreErrorKind,
    model::Member,
    ports::{Documents, Leases},
};
use cqrs_postgres::{Access, PgConfig, PgEventStore};
use sqlx::{AssertSqlSafe, Executor, PgPool};
use uuid::Uuid;

use crate::{
    snapshot::catalogue,
    support::{append, fresh_config, fresh_store, url},
};

async fn run(store: &PgEventStore, sql: &str) {
    let sql = sql.replace("__schema__", store.schema());
    store
        .pool()
        .execute(AssertSqlSafe(sql))
        .await
        .expect("runs");
}

#[track_caller]
fn assert_rejected(result: Result<PgEventStore, StoreError>, kind: StoreErrorKind, words: &str) {
    let error = result.expect_err("rejected");
    assert_eq!(error.kind(), kind, "{error}");
    assert!(error.to_string().contains(words), "{error}");
}

#[tokio::test]
async fn concurrent_and_repeated_installs_change_nothing() {
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
async fn a_missing_older_or_newer_schema_is_rejected_by_name() {
    let config = fresh_config();
    assert_rejected(
        PgEventStore::connect(&config).await,
        StoreErrorKind::Schema,
        "run PgEventStore::install",
    );
    PgEventStore::install(&config).await.expect("installs");
    let store = PgEventStore::connect(&config).await.expect("connects");
    let newer = "insert into __schema__.migrations (version, description, success, checksum, execution_time) \
                 values (2, 'of a newer version', true, '\\x00', 0)";
    run(&store, newer).await;
    assert_rejected(
        PgEventStore::connect(&config).await,
        StoreErrorKind::Schema,
        "a newer version has upgraded it",
    );
    let error = PgEventStore::install(&config).await.expect_err("rejected");
    assert_eq!(error.kind(), StoreErrorKind::Schema, "{error}");
    run(&store, "delete from __schema__.migrations").await;
    assert_rejected(
        PgEventStore::connect(&config).await,
        StoreErrorKind::Schema,
        "run PgEventStore::install",
    );
}

/// The ledgers of other development baselines: a baseline with another text, and the four migrations before it.
const OTHER_LEDGERS: [(&str, &str); 2] = [
    (
        "update __schema__.migrations set checksum = '\\x0badcafe99'",
        "holds migration 1 \"baseline\" (0badcafe)",
    ),
    (
        "delete from __schema__.migrations; \
         insert into __schema__.migrations (version, description, success, checksum, execution_time) \
         select n, name, true, decode('0badcaf' || n, 'hex'), 0 \
         from unnest(array['events', 'read side', 'write side', 'append']) with ordinality as made (name, n)",
        "holds migration 1 \"events\" (0badcaf1), 2 \"read side\" (0badcaf2), 3 \"write side\" (0badcaf3), \
         4 \"append\" (0badcaf4)",
    ),
];

#[tokio::test]
async fn a_schema_of_another_baseline_is_rejected_and_left_alone() {
    for (ledger, found) in OTHER_LEDGERS {
        let config = fresh_config();
        PgEventStore::install(&config).await.expect("installs");
        let store = PgEventStore::connect(&config).await.expect("connects");
        let ledger = ledger.replace("__schema__", &format!("\"{}\"", store.schema()));
        let made = store.pool().execute(sqlx::raw_sql(AssertSqlSafe(ledger)));
        made.await.expect("runs");
        let rows = "select string_agg(m::text, ' ' order by version) from __schema__.migrations m";
        let rows = rows.replace("__schema__", store.schema());
        let rows = async || {
            let rows = sqlx::query_scalar(AssertSqlSafe(rows.clone())).fetch_one(store.pool());
            rows.await.expect("reads")
        };
        let before: (String, String) = (catalogue(&store).await, rows().await);
        assert_rejected(
            PgEventStore::connect(&config).await,
            StoreErrorKind::Schema,
            found,
        );
        let error = PgEventStore::install(&config).await.expect_err("rejected");
        assert_eq!(error.kind(), StoreErrorKind::Schema, "{error}");
        for words in [
            found,
            "this version installs migration 1 \"baseline\"",
            "export the data",
        ] {
            assert!(error.to_string().contains(words), "{error}");
        }
        assert_eq!((catalogue(&store).await, rows().await), before);
    }
}

#[tokio::test]
async fn installing_runs_no_function_from_the_search_path() {
    let admin = PgPool::connect(&url()).await.expect("connects");
    let name = Uuid::now_v7().simple();
    let other = format!("other_{name}");
    let trap = "create schema __other__;
        create function __other__.nextval(name regclass) returns bigint language plpgsql
            as $$ begin raise exception 'nextval of another'; end $$;
        create function __other__.clock_timestamp() returns timestamptz language plpgsql
            as $$ begin raise exception 'clock_timestamp of another'; end $$;
        create function __other__.to_regclass(name text) returns regclass language plpgsql
            as $$ begin raise exception 'to_regclass of another'; end $$;";
    let trap = trap.replace("__other__", &other);
    let made = admin.execute(sqlx::raw_sql(AssertSqlSafe(trap)));
    made.await.expect("creates");
    let separator = if url().contains('?') { '&' } else { '?' };
    let path = format!("{separator}options=-csearch_path%3D{other}%2Cpg_catalog");
    let trapped = PgConfig::new(url() + &path).schema(format!("test_{name}"));
    PgEventStore::install(&trapped).await.expect("installs");
    PgEventStore::install(&trapped).await.expect("finds it");
    let store = PgEventStore::connect(&trapped).await.expect("connects");
    let appended = cqrs_core::EventStore::append(&store, append("a", 1)).await;
    appended.expect("appends");
    let dropped = format!("drop schema {other} cascade");
    admin.execute(AssertSqlSafe(dropped)).await.expect("drops");
}

#[tokio::test]
async fn a_sequence_that_would_reuse_positions_is_rejected() {
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
        assert_rejected(
            PgEventStore::connect(&config).await,
            StoreErrorKind::Misconfigured,
            "would reuse positions",
        );
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_used_is_named() {
    let connect = async |url: &str| PgEventStore::connect(&PgConfig::new(url)).await;
    assert_rejected(
        connect("postgres://127.0.0.1:1/none").await,
        StoreErrorKind::Unavailable,
        "127.0.0.1:1 cannot be reached",
    );
    assert_rejected(
        connect("http://nowhere").await,
        StoreErrorKind::Misconfigured,
        "postgres://user:password@host",
    );
    let missing = format!("{}_missing", url());
    assert_rejected(
        connect(&missing).await,
        StoreErrorKind::Misconfigured,
        "the database does not exist",
    );
    let bad_schema = PgConfig::new(url()).schema("No Schema");
    assert_rejected(
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
async fn a_closed_pool_is_an_error_not_a_panic() {
    let store = fresh_store().await;
    let pool: &PgPool = store.pool();
    pool.close().await;
    let error = cqrs_core::EventStore::high_water_mark(&store)
        .await
        .expect_err("closed");
    assert_eq!(error.kind(), StoreErrorKind::Other);
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
        cqrs_core::ports::Documents::prepare_view(&store, "orders")
            .await
            .expect("prepares");
        admin
            .execute(AssertSqlSafe(format!("drop schema \"{name}\" cascade")))
            .await
            .expect("drops");
    }
}

#[tokio::test]
async fn a_shared_or_reserved_schema_holds_no_store() {
    for name in [
        "public",
        "information_schema",
        "pg_catalog",
        "pg_temp",
        "pg_store",
    ] {
        let config = PgConfig::new(url()).schema(name);
        let outcomes = [
            PgEventStore::install(&config).await,
            PgEventStore::connect(&config).await.map(drop),
            PgEventStore::grant(&config, "postgres", Access::Reader).await,
        ];
        for outcome in outcomes {
            let error = outcome.expect_err(name);
            assert_eq!(error.kind(), StoreErrorKind::InvalidInput, "{error}");
            assert!(error.to_string().contains("shared or reserved"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_database_that_cannot_store_every_text_is_rejected() {
    let admin = PgPool::connect(&url()).await.expect("connects");
    for encoding in ["LATIN1", "EUC_JP", "SQL_ASCII"] {
        let name = format!("test_{}", Uuid::now_v7().simple());
        let made =
            format!("create database {name} encoding '{encoding}' locale 'C' template template0");
        admin.execute(AssertSqlSafe(made)).await.expect("creates");
        let url = url();
        let (server, options) = url.split_once('?').unwrap_or((&url, ""));
        let (server, _) = server.rsplit_once('/').expect("names a database");
        let config = PgConfig::new(format!("{server}/{name}?{options}"));
        let outcomes = [
            PgEventStore::install(&config).await,
            PgEventStore::connect(&config).await.map(drop),
        ];
        let dropped = format!("drop database {name} with (force)");
        admin.execute(AssertSqlSafe(dropped)).await.expect("drops");
        for outcome in outcomes {
            let error = outcome.expect_err(encoding);
            assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error}");
            assert!(error.to_string().contains(encoding), "{error}");
        }
    }
}

/// Nothing within the name of a schema or of a view is taken for a part of a statement.
#[tokio::test]
async fn a_name_may_look_like_a_marker_of_the_templates() {
    let number = Uuid::now_v7().simple().to_string();
    for marker in ["__schema_name__", "__schema__", "__view__", "__fence__"] {
        let schema = format!("t{}{marker}", &number[20..]);
        let config = PgConfig::new(url()).schema(&schema);
        PgEventStore::install(&config).await.expect(marker);
        let store = PgEventStore::connect(&config).await.expect(marker);
        store.append(append("a", 1)).await.expect(marker);
        for view in [
            "__schema__",
            "__view__",
            "__schema_name__",
            "__whole_event__",
        ] {
            store.prepare_view(view).await.expect(view);
            let table = format!("\"{schema}\".\"view_{view}\"");
            assert_eq!(store.view_table(view).expect("valid"), table);
            let insert = AssertSqlSafe(format!("insert into {table} values ('k', 1, '{{}}')"));
            store.pool().execute(insert).await.expect(view);
            let found = store.document(view, "k").await.expect(view);
            assert!(found.is_some(), "{view}");
        }
        let dropped = AssertSqlSafe(format!("drop schema \"{schema}\" cascade"));
        store.pool().execute(dropped).await.expect("drops");
    }
}

#[tokio::test]
async fn names_that_somebody_else_uses_are_left_alone() {
    for object in [
        "create table __schema__.events (id bigint)",
        "create view __schema__.events as select 1",
        "create sequence __schema__.position",
        "create function __schema__.claim(text) returns text language sql as 'select $1'",
    ] {
        let store = fresh_store().await;
        run(
            &store,
            "drop schema __schema__ cascade; create schema __schema__",
        )
        .await;
        run(&store, object).await;
        let before = catalogue(&store).await;
        let config = PgConfig::new(url()).schema(store.schema());
        let error = PgEventStore::install(&config).await.expect_err("rejected");
        assert_eq!(error.kind(), StoreErrorKind::Schema, "{object}: {error}");
        assert!(error.to_string().contains(store.schema()), "{error}");
        assert_eq!(catalogue(&store).await, before, "{object}");
    }
}

#[tokio::test]
async fn a_store_that_lost_its_ledger_is_left_alone() {
    let store = fresh_store().await;
    store.append(append("a", 3)).await.expect("appends");
    run(&store, "drop table __schema__.migrations").await;
    let before = catalogue(&store).await;
    let config = PgConfig::new(url()).schema(store.schema());
    let error = PgEventStore::install(&config).await.expect_err("rejected");
    assert_eq!(error.kind(), StoreErrorKind::Schema);
    assert!(error.to_string().contains("`events`"), "{error}");
    assert_eq!(catalogue(&store).await, before);
}

#[tokio::test]
async fn an_object_that_was_dropped_is_named() {
    for (drop, name) in [
        ("function __schema__.take_fence", "`take_fence`"),
        ("table __schema__.inbox", "`inbox`"),
        (
            "trigger events_never_change on __schema__.events",
            "`events_never_change`",
        ),
        (
            "index __schema__.idempotency_recorded_at",
            "`idempotency_recorded_at`",
        ),
        ("sequence __schema__.document_version", "`document_version`"),
    ] {
        let store = fresh_store().await;
        run(&store, &format!("drop {drop}")).await;
        let config = PgConfig::new(url()).schema(store.schema());
        assert_rejected(
            PgEventStore::connect(&config).await,
            StoreErrorKind::Schema,
            name,
        );
        let error = PgEventStore::install(&config).await.expect_err("rejected");
        assert_eq!(error.kind(), StoreErrorKind::Schema, "{error}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[tokio::test]
async fn a_closed_store_is_no_reason_to_retry() {
    let store = fresh_store().await;
    store.close().await;
    let error = store.document("v", "k").await.expect_err("is closed");
    assert!(!error.is_retryable(), "{error}");
    let error = store.append(append("a", 1)).await.expect_err("is closed");
    let cqrs_core::ports::AppendError::Store(error) = error else {
        panic!("{error}");
    };
    assert!(!error.is_retryable(), "{error}");
    let member = Member::this_process(store.lease_times());
    let held = store.hold_relay("r", &member).await;
    let error = held.expect_err("is closed");
    assert!(!error.is_retryable(), "{error}");
}

#[tokio::test]
async fn a_role_that_does_not_exist_is_named() {
    let config = fresh_config();
    PgEventStore::install(&config).await.expect("installs");
    for (role, words) in [
        ("nobody_of_the_tests", "create role"),
        ("", "is empty"),
        (" ", "is empty"),
    ] {
        let error = PgEventStore::grant(&config, role, Access::Reader).await;
        let error = error.expect_err("rejected");
        assert_eq!(error.kind(), StoreErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_store_outside_of_a_runtime_is_an_error_not_a_panic() {
    let config = fresh_config();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let connecting = std::pin::pin!(PgEventStore::connect(&config));
    let std::task::Poll::Ready(Err(error)) = connecting.poll(&mut context) else {
        panic!("fails at once");
    };
    assert_eq!(error.kind(), StoreErrorKind::Misconfigured, "{error}");
    assert!(error.to_string().contains("tokio runtime"), "{error}");
}
