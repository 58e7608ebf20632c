//! A new schema on the server of `DATABASE_URL`, which is dropped after the measurement.

mod round_trips;

use std::str::FromStr;

use cqrs_postgres::{PgConfig, PgEventStore};
use serde_json::{Value, json};
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use uuid::Uuid;

pub(crate) use self::round_trips::{RoundTrips, TripCounts};
use crate::Outcome;

/// A schema with a unique name.
#[derive(Debug)]
pub(crate) struct Database {
    url: String,
    schema: String,
}

impl Database {
    /// # Errors
    /// When `DATABASE_URL` is not set.
    pub(crate) fn from_env(scenario: &str) -> Outcome<Self> {
        let url = std::env::var("DATABASE_URL").map_err(|_| {
            format!(
                "`{scenario}` needs PostgreSQL: set DATABASE_URL, for example to postgres://localhost/bench, or run \
                 eval \"$(scripts/services up)\""
            )
        })?;
        let schema = format!("bench_{}", Uuid::now_v7().simple());
        Ok(Self { url, schema })
    }

    /// Installs a store in the schema.
    pub(crate) async fn store(&self, connections: u32) -> Outcome<PgEventStore> {
        let config = PgConfig::new(&self.url)
            .schema(&self.schema)
            .max_connections(connections);
        PgEventStore::install(&config).await?;
        Ok(PgEventStore::connect(&config).await?)
    }

    /// A store in the schema, whose round trips are counted.
    pub(crate) async fn counted_store(&self) -> Outcome<(PgEventStore, RoundTrips)> {
        self.store(1).await?;
        let options = PgConnectOptions::from_str(&self.url)?;
        if options.get_socket().is_some() {
            return Err("round trips are counted over TCP, but DATABASE_URL names a socket".into());
        }
        let server = (options.get_host().to_owned(), options.get_port());
        let (port, trips) = RoundTrips::in_front_of(server).await?;
        let url = options.host("127.0.0.1").port(port).to_url_lossy();
        let config = PgConfig::new(url.as_str()).schema(&self.schema);
        Ok((PgEventStore::connect(&config).await?, trips))
    }

    /// Connections with the best settings for plain SQL: the schema is in the search path, and each statement is planned
    /// once.
    pub(crate) async fn raw(&self, connections: u32) -> Outcome<PgPool> {
        let options = PgConnectOptions::from_str(&self.url)?.options([
            ("search_path", self.schema.as_str()),
            ("plan_cache_mode", "force_generic_plan"),
            ("enable_seqscan", "off"),
        ]);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .test_before_acquire(false);
        Ok(pool.connect_with(options).await?)
    }

    /// Runs a statement, with the name of the schema in place of `__schema__`.
    pub(crate) async fn run(&self, sql: &str) -> Outcome<()> {
        let mut connection = PgConnection::connect(&self.url).await?;
        let sql = AssertSqlSafe(sql.replace("__schema__", &self.schema));
        sqlx::raw_sql(sql).execute(&mut connection).await?;
        Ok(connection.close().await?)
    }

    /// The size of the table of events with its indexes.
    pub(crate) async fn table_size(&self) -> Outcome<String> {
        let mut connection = PgConnection::connect(&self.url).await?;
        let size =
            sqlx::query_scalar("select pg_size_pretty(pg_total_relation_size(to_regclass($1)))")
                .bind(format!("{}.events", self.schema))
                .fetch_one(&mut connection)
                .await?;
        connection.close().await?;
        Ok(size)
    }

    /// The settings that the figures depend on.
    pub(crate) async fn notes(&self) -> Outcome<Value> {
        let mut connection = PgConnection::connect(&self.url).await?;
        let settings: Vec<(String, String)> = sqlx::query_as(
            "select name, current_setting(name) from pg_settings where name in ( \
                 'server_version', 'synchronous_commit', 'fsync', 'shared_buffers', 'huge_pages', 'max_wal_size')",
        )
        .fetch_all(&mut connection)
        .await?;
        connection.close().await?;
        let mut notes = json!({ "cores": std::thread::available_parallelism()?.get() });
        for (setting, value) in settings {
            notes[setting] = value.into();
        }
        Ok(notes)
    }

    /// Drops the schema, also after a failed run, and returns the outcome of the run.
    pub(crate) async fn drop_after(&self, outcome: Outcome<()>) -> Outcome<()> {
        let dropped = self.run("drop schema if exists __schema__ cascade").await;
        outcome.and(dropped)
    }
}
