//! The call of `append_event`: one event to one stream.

use cqrs_core::{EventId, model::NewEvent, ports::Append};
use sqlx::{Error, PgConnection};

use super::columns::{expectation, headers, json, schema_version, slice};
use crate::{
    append::verdict::{self, Verdict},
    sql::statements::Statement,
};

pub(super) async fn send(
    statement: &Statement,
    connection: &mut PgConnection,
    append: &Append,
    event: &NewEvent,
) -> Result<Verdict, Error> {
    let (expected, expected_event) = expectation(append.expected);
    let metadata = &event.metadata;
    let call = sqlx::query(statement.sql())
        .bind(append.stream.category().as_str())
        .bind(append.stream.id())
        .bind(slice(append))
        .bind(expected)
        .bind(expected_event)
        .bind(event.id.as_uuid())
        .bind(event.event_type)
        .bind(schema_version(event.schema_version)?)
        .bind(json(event)?)
        .bind(metadata.correlation_id.as_deref())
        .bind(metadata.causation_id.map(EventId::as_uuid))
        .bind(metadata.traceparent.as_deref())
        .bind(headers(metadata)?);
    verdict::of_one(append, &call.fetch_one(connection).await?)
}
