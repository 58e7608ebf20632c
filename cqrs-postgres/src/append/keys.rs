//! Idempotency keys: what was appended under one, and when it is forgotten.

use cqrs_core::{
    AppendError as WriteError, Appended, Appends, Idempotency, Position, StoreError, StreamId,
    Version,
    model::{Category, KeyReused},
};
use sqlx::{Error, PgConnection, Row, postgres::PgRow};

use super::writing::Writing;
use crate::{
    connection::within,
    error::{statement, unheard_of},
    line::Taken,
    row::unsigned,
};

/// What was appended under a key.
pub(crate) async fn appended_under(
    writing: &Writing,
    idempotency: &Idempotency,
) -> Result<Option<Vec<Appended>>, WriteError> {
    let mut connection = writing.lines.patient.free().await?;
    let asked = sqlx::query(writing.statements.appended_under.sql())
        .bind(idempotency.key.as_str())
        .bind(writing.retention())
        .fetch_optional(&mut *connection);
    let row = within(writing.statement_limit(), asked).await;
    match connection.note(row).map_err(statement)? {
        None => Ok(None),
        Some(row) => same(&row, idempotency).map(Some),
    }
}

/// What the first of these appends did, now that they are known to be a repeat.
pub(super) async fn first(
    writing: &Writing,
    connection: &mut Taken<'_>,
    appends: &Appends,
) -> Result<Vec<Appended>, WriteError> {
    let asked = recorded(writing, connection, appends.idempotency.as_ref());
    let row = within(writing.statement_limit(), asked).await;
    answer(connection.note(row).map_err(statement)?, appends)
}

/// What is known to be recorded, and need not be waited for.
pub(super) async fn recorded(
    writing: &Writing,
    connection: &mut PgConnection,
    idempotency: Option<&Idempotency>,
) -> Result<Option<PgRow>, Error> {
    let key = idempotency.map_or("", |idempotency| idempotency.key.as_str());
    sqlx::query(writing.statements.recorded_under.sql())
        .bind(key)
        .fetch_optional(connection)
        .await
}

/// The answer to a repeat. Its key was there a moment ago: if it is not now, it was just forgotten.
pub(super) fn answer(row: Option<PgRow>, appends: &Appends) -> Result<Vec<Appended>, WriteError> {
    match (row, &appends.idempotency) {
        (Some(row), Some(idempotency)) => same(&row, idempotency),
        _ => Err(unheard_of("an idempotency key was forgotten while it was looked up").into()),
    }
}

fn same(row: &PgRow, idempotency: &Idempotency) -> Result<Vec<Appended>, WriteError> {
    let fingerprint: i64 = row.try_get(0).map_err(statement)?;
    if fingerprint.cast_unsigned() != idempotency.fingerprint {
        let key = idempotency.key.clone();
        return Err(KeyReused { key }.into());
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
        Ok(Appended {
            stream: StreamId::new(Category::new(category)?, id)?,
            before: Version::new(unsigned(before)),
            version: Version::new(unsigned(version)),
            position: position.map(|position| Position::new(unsigned(position))),
            repeated: true,
        })
    };
    streams.zip(places).map(one).collect()
}

/// Forgets the keys that are older than the retention, in small steps.
pub(super) async fn forget(writing: &Writing) -> Result<(), StoreError> {
    const STEP: i32 = 1_000;
    loop {
        let mut connection = writing.lines.quick.free().await?;
        let query = sqlx::query_scalar(writing.statements.forget_keys.sql())
            .bind(writing.retention())
            .bind(STEP);
        let asked = query.fetch_one(&mut *connection);
        let forgotten = within(writing.append_limit(), asked).await;
        let forgotten: i64 = connection.note(forgotten).map_err(statement)?;
        if forgotten < i64::from(STEP) {
            return Ok(());
        }
    }
}
