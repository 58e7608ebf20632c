//! Reads and writes streams with plain SQL: one select, one insert.

use cqrs_core::{Aggregate, Event};
use sqlx::{PgPool, Postgres, Row, ValueRef, pool::PoolConnection};

use super::{decode::decode, encode::encode};
use crate::{
    Outcome,
    database::Database,
    domain::{Account, AccountEvent},
};

/// The store's table without its headers and triggers: the other columns, and all indexes.
const TABLE: &str = r#"
    create schema __schema__;
    create sequence __schema__.position as bigint;
    create table __schema__.events (
        position       bigint      not null,
        category       text        not null collate "C",
        aggregate_id   text        not null collate "C",
        version        bigint      not null,
        slice          smallint    not null,
        event_id       uuid        not null,
        event_type     text        not null collate "C",
        schema_version integer     not null,
        payload        json        not null,
        correlation_id text,
        causation_id   uuid,
        traceparent    text,
        recorded_at    timestamptz not null default clock_timestamp(),
        primary key (category, aggregate_id, version),
        unique (position)
    )
"#;

const SELECT: &str = "select version, event_type, payload from events \
                      where category = $1 and aggregate_id = $2 order by version";

/// The row of the snapshot comes first, if there is one. Its type is null.
const SELECT_FROM_SNAPSHOT: &str = "
    select version, null as event_type, payload from snapshots where category = $1 and aggregate_id = $2
    union all (
        select version, event_type, payload from events
        where category = $1 and aggregate_id = $2
          and version > coalesce((select version from snapshots where category = $1 and aggregate_id = $2), 0)
        order by version
    )";

const VERSION: &str = "select version from events where category = $1 and aggregate_id = $2 order by version desc limit 1";

/// The version check is a condition: a stream at another version gets no rows. Of two concurrent writers the primary key
/// rejects one.
const INSERT: &str = "
    insert into events (position, category, aggregate_id, version, slice, event_id, event_type, schema_version, payload)
    select nextval('position'), $1, $2, $3 + n, 0, id, type, 1, payload::json
    from unnest($4::uuid[], $5::text[], $6::text[]) with ordinality as given (id, type, payload, n)
    where $3 = coalesce((
        select version from events where category = $1 and aggregate_id = $2 order by version desc limit 1
    ), 0)
    returning position";

/// The rows that a writer reads before it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Read {
    /// All events of the stream, for a decision on its state.
    Events,
    /// Its version, the minimum for a version check.
    Version,
}

/// A table of events.
#[derive(Debug, Clone)]
pub(crate) struct RawEvents {
    pool: PgPool,
}

impl RawEvents {
    /// A new, empty table.
    pub(crate) async fn create(database: &Database, connections: u32) -> Outcome<Self> {
        database.run(TABLE).await?;
        Self::of(database, connections).await
    }

    /// The existing table of a store.
    pub(crate) async fn of(database: &Database, connections: u32) -> Outcome<Self> {
        let pool = database.raw(connections).await?;
        Ok(Self { pool })
    }

    /// A connection for a whole turn, because the pool pings each connection that is returned.
    pub(crate) async fn session(&self) -> Outcome<Session> {
        Ok(Session(self.pool.acquire().await?))
    }
}

/// A connection to a table of events.
#[derive(Debug)]
pub(crate) struct Session(PoolConnection<Postgres>);

impl Session {
    /// The state of a stream, and its version.
    pub(crate) async fn load(&mut self, id: &str) -> Outcome<(Account, i64)> {
        let rows = sqlx::query(SELECT)
            .bind(AccountEvent::CATEGORY)
            .bind(id)
            .fetch_all(&mut *self.0)
            .await?;
        let mut account = Account::default();
        for row in &rows {
            account.apply(decode(row, 1)?);
        }
        Ok((account, i64::try_from(rows.len())?))
    }

    /// The same from the store's snapshot, which is the state as JSON.
    pub(crate) async fn load_from_snapshot(&mut self, id: &str) -> Outcome<(Account, i64)> {
        let rows = sqlx::query(SELECT_FROM_SNAPSHOT)
            .bind(AccountEvent::CATEGORY)
            .bind(id)
            .fetch_all(&mut *self.0)
            .await?;
        let mut account = Account::default();
        let mut version = 0;
        for row in &rows {
            version = row.try_get(0)?;
            if row.try_get_raw(1)?.is_null() {
                account = serde_json::from_slice(row.try_get_raw(2)?.as_bytes()?)?;
            } else {
                account.apply(decode(row, 1)?);
            }
        }
        Ok((account, version))
    }

    /// Appends if the stream is at `version`. Returns whether it did.
    pub(crate) async fn insert(
        &mut self,
        id: &str,
        version: i64,
        events: &[AccountEvent],
    ) -> Outcome<bool> {
        let encoded = encode(events)?;
        let rows = sqlx::query(INSERT)
            .bind(AccountEvent::CATEGORY)
            .bind(id)
            .bind(version)
            .bind(encoded.ids)
            .bind(encoded.types)
            .bind(encoded.payloads)
            .fetch_all(&mut *self.0)
            .await;
        match rows {
            Ok(rows) => Ok(rows.len() == events.len()),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads, decides and appends. Returns false after a conflict.
    pub(crate) async fn attempt(&mut self, id: &str, read: Read, movements: u32) -> Outcome<bool> {
        let version = match read {
            Read::Events => {
                let (account, version) = self.load(id).await?;
                std::hint::black_box(account);
                version
            }
            Read::Version => self.version(id).await?,
        };
        self.insert(id, version, &AccountEvent::examples(movements))
            .await
    }

    async fn version(&mut self, id: &str) -> Outcome<i64> {
        let version = sqlx::query_scalar(VERSION)
            .bind(AccountEvent::CATEGORY)
            .bind(id)
            .fetch_optional(&mut *self.0)
            .await?;
        Ok(version.unwrap_or(0))
    }

    /// Loads, decides and appends. Fails if another writer was faster.
    pub(crate) async fn command(&mut self, id: &str, movements: u32) -> Outcome<()> {
        if self.attempt(id, Read::Events, movements).await? {
            return Ok(());
        }
        Err(format!("another writer has written to {id}").into())
    }
}
