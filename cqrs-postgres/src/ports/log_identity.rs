//! The identity of the log: the ids in the store's table, and the place of the database.

use cqrs_core::{
    Position, StoreError,
    model::{LogId, LogIdentity},
    ports::{StoreErrorKind, check_reason},
};
use uuid::Uuid;

use crate::{
    connect::backend::Backend,
    ports::rights,
    row::{signed, unsigned},
};

pub(crate) async fn read(backend: &Backend) -> Result<LogIdentity, StoreError> {
    let query = sqlx::query_as(backend.statements.log_identity.sql());
    let (place, afters, ids): (String, Vec<i64>, Vec<Uuid>) = backend
        .ask(async |connection| query.fetch_one(connection).await)
        .await?;
    let ids: Vec<LogId> = ids.into_iter().map(LogId::from_uuid).collect();
    let Some((first, renewed)) = ids.split_first() else {
        let missing = "the table log_ids is empty; restore it from a backup of the store";
        return Err(StoreError::new(StoreErrorKind::Misconfigured, missing));
    };
    let renewed = afters.into_iter().skip(1).zip(renewed);
    let renew = |log: LogIdentity, (after, id): (i64, &LogId)| {
        log.renewed(Position::new(unsigned(after)), *id)
    };
    Ok(renewed.fold(LogIdentity::new(place, *first), renew))
}

pub(crate) async fn renew(
    backend: &Backend,
    after: Position,
    reason: &str,
) -> Result<LogIdentity, StoreError> {
    check_reason(reason)?;
    // The table must have the first id before it gets a second.
    read(backend).await?;
    let query = sqlx::query(backend.statements.renew_log_id.sql())
        .bind(signed(after.get()))
        .bind(reason);
    let mut connection = backend.acquire().await?;
    let asked = connection.ask(async |connection| query.execute(connection).await);
    asked.await.map_err(rights::recorded)?;
    drop(connection);
    read(backend).await
}
