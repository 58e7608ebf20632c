//! Installs and upgrades the schema, and tells whether it is the one that this version needs.

use cqrs_core::{StoreError, StoreErrorKind};
use sqlx::{
    AssertSqlSafe, Connection, PgConnection, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

use crate::error::statement;

/// What a role may do in a store. None may change an event, or write one past the append function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read the log, documents, checkpoints, idempotency keys and snapshots.
    Reader,
    /// Run a service: append, and run views, reactors and relays.
    Service,
}

/// Every migration: its number, its name and its text. A released one is never changed.
const MIGRATIONS: [(i64, &str, &str); 4] = [
    (1, "events", include_str!("../migrations/0001_events.sql")),
    (
        2,
        "read side",
        include_str!("../migrations/0002_read_side.sql"),
    ),
    (
        3,
        "write side",
        include_str!("../migrations/0003_write_side.sql"),
    ),
    (4, "append", include_str!("../migrations/0004_append.sql")),
];

/// The oldest server that the statements were written for, as `server_version_num` counts.
const OLDEST_SERVER: i32 = 150_000;

/// Brings the schema to what this version needs: from nothing, or from any earlier version. Safe to run at once from
/// several places. The ledger is a table of the schema itself, never sqlx's default one.
pub(crate) async fn install(connection: &mut PgConnection, schema: &str) -> Result<(), StoreError> {
    install_up_to(connection, schema, newest()).await
}

async fn install_up_to(
    connection: &mut PgConnection,
    schema: &str,
    last: i64,
) -> Result<(), StoreError> {
    check_server(connection).await?;
    let mut wanted = migrations(schema);
    wanted.retain(|migration| migration.version <= last);
    let mut migrator = Migrator::with_migrations(wanted);
    migrator.create_schema(format!("\"{schema}\""));
    migrator.dangerous_set_table_name(ledger(schema));
    // Not `run`: its future cannot be sent to another thread ("implementation of `Acquire` is not general enough").
    migrator
        .run_direct(None, connection, false)
        .await
        .map_err(|error| migration_failed(error, schema))
}

/// Gives a role what it needs.
pub(crate) async fn grant(
    connection: &mut PgConnection,
    schema: &str,
    role: &str,
    access: Access,
) -> Result<(), StoreError> {
    check_version(connection, schema).await?;
    let grant = format!("select \"{schema}\".grant_access($1, $2)");
    let query = sqlx::query(AssertSqlSafe(grant))
        .bind(role)
        .bind(access == Access::Service);
    query.execute(connection).await.map_err(statement)?;
    Ok(())
}

/// Checks that the schema is the one that this version needs, and that the sequence is as it must be.
pub(crate) async fn check(connection: &mut PgConnection, schema: &str) -> Result<(), StoreError> {
    check_server(connection).await?;
    check_version(connection, schema).await?;
    check_sequence(connection, schema).await
}

fn ledger(schema: &str) -> String {
    format!("\"{schema}\".migrations")
}

fn migrations(schema: &str) -> Vec<Migration> {
    let migration = |(version, name, text): (i64, &'static str, &str)| {
        let text = text
            .replace("__schema__", &format!("\"{schema}\""))
            .replace("__name__", schema);
        let sql = AssertSqlSafe(text).into_sql_str();
        Migration::new(version, name.into(), MigrationType::Simple, sql, false)
    };
    MIGRATIONS.into_iter().map(migration).collect()
}

fn newest() -> i64 {
    MIGRATIONS
        .iter()
        .map(|(version, ..)| *version)
        .max()
        .unwrap_or_default()
}

async fn check_server(connection: &mut PgConnection) -> Result<(), StoreError> {
    let version = sqlx::query_scalar("select current_setting('server_version_num')::int");
    let version: i32 = version.fetch_one(connection).await.map_err(statement)?;
    if version >= OLDEST_SERVER {
        return Ok(());
    }
    let message = format!(
        "PostgreSQL {} is too old; version 15 is the oldest that works",
        version / 10_000
    );
    Err(StoreError::new(StoreErrorKind::Misconfigured, message))
}

async fn check_version(connection: &mut PgConnection, schema: &str) -> Result<(), StoreError> {
    let exists = sqlx::query_scalar("select to_regclass($1) is not null").bind(ledger(schema));
    if !exists
        .fetch_one(&mut *connection)
        .await
        .map_err(statement)?
    {
        let message = format!("schema {schema:?} holds no event store; run PgEventStore::install");
        return Err(StoreError::new(StoreErrorKind::Schema, message));
    }
    let installed = format!(
        "select version, checksum from {} where success order by version desc limit 1",
        ledger(schema)
    );
    let installed = sqlx::query_as(AssertSqlSafe(installed));
    let installed = installed.fetch_optional(connection).await;
    let (installed, checksum): (i64, Vec<u8>) = installed.map_err(statement)?.unwrap_or_default();
    if installed > newest() {
        return Err(too_new(schema, installed));
    }
    if installed < newest() {
        let message = format!(
            "schema {schema:?} is at migration {installed}, this version needs {}; run PgEventStore::install",
            newest()
        );
        return Err(StoreError::new(StoreErrorKind::Schema, message));
    }
    let ours =
        |migration: &Migration| migration.version == installed && *migration.checksum == *checksum;
    if !migrations(schema).iter().any(ours) {
        return Err(made_otherwise(schema, installed));
    }
    Ok(())
}

/// **Invariant**: positions are drawn one at a time, in rising order, and no event lies beyond what was drawn.
async fn check_sequence(connection: &mut PgConnection, schema: &str) -> Result<(), StoreError> {
    let sound = format!(
        "select seqcache = 1 and seqincrement = 1 and seqmin = 0 and not seqcycle \
                and coalesce(pg_sequence_last_value(seqrelid), -1) \
                    >= coalesce((select max(position) from \"{schema}\".events), 0) \
         from pg_sequence where seqrelid = '\"{schema}\".position'::regclass"
    );
    let sound = sqlx::query_scalar(AssertSqlSafe(sound));
    if sound.fetch_one(connection).await.map_err(statement)? {
        return Ok(());
    }
    let message = format!(
        "sequence \"{schema}\".position was altered or has fallen behind the events (was the database restored in \
         parts?); appending would reuse positions. Set it to the highest position with setval, with CACHE 1 and \
         INCREMENT 1"
    );
    Err(StoreError::new(StoreErrorKind::Misconfigured, message))
}

fn too_new(schema: &str, installed: i64) -> StoreError {
    let message = format!(
        "schema {schema:?} is at migration {installed}, this version knows {} at most: it was upgraded by a newer \
         version; use that one",
        newest()
    );
    StoreError::new(StoreErrorKind::Schema, message)
}

fn made_otherwise(schema: &str, installed: i64) -> StoreError {
    let message = format!(
        "schema {schema:?} was made by another build, whose migration {installed} is not the one of this version, or was \
         renamed; use that build and that name, or install into a new schema"
    );
    StoreError::new(StoreErrorKind::Schema, message)
}

fn migration_failed(error: MigrateError, schema: &str) -> StoreError {
    match error {
        MigrateError::VersionMissing(installed) => too_new(schema, installed),
        MigrateError::VersionMismatch(installed) => made_otherwise(schema, installed),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => statement(error),
        error => {
            let message = format!("schema {schema:?} cannot be upgraded: {error}");
            StoreError::new(StoreErrorKind::Schema, message).caused_by(error)
        }
    }
}

/// Says good-bye. What was done stands whether or not the server hears it.
///
/// Not a wrapper around an `AsyncFnOnce(&mut PgConnection)`: its future could not be sent to another thread.
pub(crate) async fn close(connection: PgConnection) {
    let _ = connection.close().await;
}

#[cfg(test)]
mod tests;
