//! The tables of a run: what was handled, and what is repaired.

use cqrs_core::StoreError;
use cqrs_postgres::{PgEventStore, store_error};
use sqlx::{AssertSqlSafe, PgConnection};

/// One event, in the log or handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) stream: String,
    pub(super) version: u64,
    pub(super) position: u64,
}

/// The tables, in the schema of the store.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    schema: String,
}

impl Tables {
    pub(super) fn of(store: &PgEventStore) -> Self {
        Self {
            schema: store.schema().to_owned(),
        }
    }

    /// The statement with the name of the schema in place of `__schema__`.
    fn sql(&self, text: &str) -> AssertSqlSafe<String> {
        AssertSqlSafe(text.replace("__schema__", &format!("\"{}\"", self.schema)))
    }

    pub(super) async fn create(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        let create = self.sql(
            "create table __schema__.check_handled (number bigint generated always as identity primary key,
                 stream text not null, version bigint not null, position bigint not null);
             create table __schema__.check_repaired (position bigint primary key)",
        );
        let created = sqlx::raw_sql(create).execute(connection).await;
        created.map(drop).map_err(store_error)
    }

    /// Adds a row for each event, in their order.
    pub(super) async fn handled(
        &self,
        connection: &mut PgConnection,
        entries: &[Entry],
    ) -> Result<(), StoreError> {
        let streams = Vec::from_iter(entries.iter().map(|entry| entry.stream.clone()));
        let versions = Vec::from_iter(entries.iter().map(|entry| signed(entry.version)));
        let positions = Vec::from_iter(entries.iter().map(|entry| signed(entry.position)));
        let insert = self.sql(
            "insert into __schema__.check_handled (stream, version, position)
             select stream, version, position
             from unnest($1::text[], $2::bigint[], $3::bigint[]) with ordinality as new (stream, version, position, place)
             order by place",
        );
        let insert = sqlx::query(insert).bind(streams).bind(versions);
        let inserted = insert.bind(positions).execute(connection).await;
        inserted.map(drop).map_err(store_error)
    }

    /// Repairs the event at a position.
    pub(super) async fn repair(
        &self,
        connection: &mut PgConnection,
        position: u64,
    ) -> Result<(), StoreError> {
        let insert =
            self.sql("insert into __schema__.check_repaired values ($1) on conflict do nothing");
        let insert = sqlx::query(insert).bind(signed(position));
        let inserted = insert.execute(connection).await;
        inserted.map(drop).map_err(store_error)
    }

    /// Which of these positions are repaired.
    pub(super) async fn repaired(
        &self,
        connection: &mut PgConnection,
        positions: &[u64],
    ) -> Result<Vec<u64>, StoreError> {
        let select =
            self.sql("select position from __schema__.check_repaired where position = any($1)");
        let positions = Vec::from_iter(positions.iter().map(|position| signed(*position)));
        let select = sqlx::query_scalar::<_, i64>(select).bind(positions);
        let repaired = select.fetch_all(connection).await.map_err(store_error)?;
        Ok(repaired.into_iter().map(i64::unsigned_abs).collect())
    }

    /// How many events of the log have no row yet.
    pub(super) async fn missing(&self, connection: &mut PgConnection) -> Result<u64, StoreError> {
        let missing = "
            select count(*) from __schema__.events e
            where not exists (select from __schema__.check_handled h where h.position = e.position)";
        self.count(connection, missing).await
    }

    /// How many events were repaired. Each was parked before.
    pub(super) async fn repairs(&self, connection: &mut PgConnection) -> Result<u64, StoreError> {
        let repairs = "select count(*) from __schema__.check_repaired";
        self.count(connection, repairs).await
    }

    async fn count(&self, connection: &mut PgConnection, sql: &str) -> Result<u64, StoreError> {
        let count = sqlx::query_scalar::<_, i64>(self.sql(sql)).fetch_one(connection);
        Ok(count.await.map_err(store_error)?.unsigned_abs())
    }

    /// The events of the log, in the order of their positions.
    pub(super) async fn log(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<Entry>, StoreError> {
        let log = "select aggregate_id, version, position from __schema__.events order by position";
        self.entries(connection, log).await
    }

    /// What was handled, in the order in which it was.
    pub(super) async fn all_handled(
        &self,
        connection: &mut PgConnection,
    ) -> Result<Vec<Entry>, StoreError> {
        let handled =
            "select stream, version, position from __schema__.check_handled order by number";
        self.entries(connection, handled).await
    }

    async fn entries(
        &self,
        connection: &mut PgConnection,
        sql: &str,
    ) -> Result<Vec<Entry>, StoreError> {
        let rows = sqlx::query_as::<_, (String, i64, i64)>(self.sql(sql)).fetch_all(connection);
        let rows = rows.await.map_err(store_error)?.into_iter();
        let entry = |(stream, version, position): (String, i64, i64)| Entry {
            stream,
            version: version.unsigned_abs(),
            position: position.unsigned_abs(),
        };
        Ok(rows.map(entry).collect())
    }
}

/// Numbers of a store are at most `i64::MAX`.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
