//! Idempotency keys: finds what was appended under one, and forgets old ones.

use cqrs_core::{
    Position, StoreError, StreamId, Version,
    model::{Category, Idempotency, KeyReused},
    ports::{AppendError, Appended, Appends, LookupError},
};
use sqlx::{Error, PgConnection, Row, postgres::PgRow};

use crate::{
    connect::{backend::Backend, statement_pool::PooledConnection},
    error::{statement, transient},
    row::unsigned,
    time_limit::within,
};

/// What was appended under a key. Waits for an append under it that is in flight.
pub(crate) async fn appended_under(
    backend: &Backend,
    idempotency: &Idempotency,
) -> Result<Option<Vec<Appended>>, LookupError> {
    let mut connection = backend.pools.waiting.get().await?;
    let asked = sqlx::query(backend.statements.appended_under.sql())
        .bind(idempotency.key.as_str())
        .bind(backend.retention_seconds())
        .fetch_optional(&mut *connection);
    let row = within(backend.answer_limit(), asked).await;
    match connection.note(row).map_err(statement)? {
        None => Ok(None),
        Some(row) => first_outcome(&row, idempotency).map(Some),
    }
}

/// Reads the outcome that these appends repeat.
pub(super) async fn read_outcome(
    backend: &Backend,
    connection: &mut PooledConnection<'_>,
    appends: &Appends,
) -> Result<Vec<Appended>, AppendError> {
    let asked = recorded(backend, connection, appends.idempotency.as_ref());
    let row = within(backend.answer_limit(), asked).await;
    outcome_of_repeat(connection.note(row).map_err(statement)?, appends)
}

/// What is recorded under a key, without waiting for an append in flight.
pub(super) async fn recorded(
    backend: &Backend,
    connection: &mut PgConnection,
    idempotency: Option<&Idempotency>,
) -> Result<Option<PgRow>, Error> {
    let key = idempotency.map_or("", |idempotency| idempotency.key.as_str());
    sqlx::query(backend.statements.recorded_under.sql())
        .bind(key)
        .fetch_optional(connection)
        .await
}

/// The outcome of a repeat. Its key existed a moment ago: if it does not now, it was just forgotten.
pub(super) fn outcome_of_repeat(
    row: Option<PgRow>,
    appends: &Appends,
) -> Result<Vec<Appended>, AppendError> {
    match (row, &appends.idempotency) {
        (Some(row), Some(idempotency)) => Ok(first_outcome(&row, idempotency)?),
        _ => Err(transient("an idempotency key was forgotten while it was looked up").into()),
    }
}

/// The outcome of the first append under the key, if it was for the same command.
fn first_outcome(row: &PgRow, idempotency: &Idempotency) -> Result<Vec<Appended>, LookupError> {
    let fingerprint: i64 = row.try_get(0).map_err(statement)?;
    if fingerprint.cast_unsigned() != idempotency.fingerprint {
        let key = idempotency.key.clone();
        return Err(KeyReused::new(key).into());
    }
    Ok(appended(row)?)
}

fn appended(row: &PgRow) -> Result<Vec<Appended>, StoreError> {
    let categories: Vec<String> = row.try_get(1).map_err(statement)?;
    let ids: Vec<String> = row.try_get(2).map_err(statement)?;
    let before: Vec<i64> = row.try_get(3).map_err(statement)?;
    let versions: Vec<i64> = row.try_get(4).map_err(statement)?;
    let positions: Vec<Option<i64>> = row.try_get(5).map_err(statement)?;
    let streams = categories.iter().zip(&ids);
    let places = before.into_iter().zip(versions).zip(positions);
    let one = |((category, id), ((before, version), position)): ((&String, &String), _)| {
        let position: Option<i64> = position;
        Ok(Appended::new(
            StreamId::new(Category::new(category)?, id)?,
            Version::new(unsigned(before)),
            Version::new(unsigned(version)),
            position.map(|position| Position::new(unsigned(position))),
        )
        .repeated())
    };
    streams.zip(places).map(one).collect()
}

/// Forgets keys that are older than the retention, in small steps.
pub(super) async fn forget(backend: &Backend) -> Result<(), StoreError> {
    const STEP: i32 = 1_000;
    loop {
        let mut connection = backend.pools.quick.get().await?;
        let query = sqlx::query_scalar(backend.statements.forget_keys.sql())
            .bind(backend.retention_seconds())
            .bind(STEP);
        let asked = query.fetch_one(&mut *connection);
        let forgotten = within(backend.append_limit(), asked).await;
        let forgotten: i64 = connection.note(forgotten).map_err(statement)?;
        if forgotten < i64::from(STEP) {
            return Ok(());
        }
    }
}
