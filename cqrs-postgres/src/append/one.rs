//! The call for an append by itself to one stream: `append_event` for one event, `append_to_one` for several or none.

use cqrs_core::{Append, EventId, model::NewEvent};
use sqlx::{Error, Postgres, postgres::PgArguments, query::Query};

use super::columns::{Events, bind_log, expectation, headers, json, slice};
use crate::{
    log_identity::LogIdentity,
    statements::{Statement, Statements},
};

/// `seen_in` is the log in which the last event was seen, if it was.
pub(super) fn call<'a>(
    append: &'a Append,
    statements: &Statements,
    seen_in: Option<&'a LogIdentity>,
) -> Result<Query<'a, Postgres, PgArguments>, Error> {
    match &*append.events {
        [event] => {
            let query = to_stream(append, &statements.append_event, seen_in);
            bind_event(query, event)
        }
        events => {
            let query = to_stream(append, &statements.append_to_one, seen_in);
            Ok(Events::of(events)?.bind(query))
        }
    }
}

fn to_stream<'a>(
    append: &'a Append,
    statement: &Statement,
    seen_in: Option<&'a LogIdentity>,
) -> Query<'a, Postgres, PgArguments> {
    let (expected, expected_event) = expectation(append.expected);
    let query = sqlx::query(statement.sql())
        .bind(append.stream.category().as_str())
        .bind(append.stream.id())
        .bind(slice(append))
        .bind(expected)
        .bind(expected_event)
        .bind(seen_in.is_some());
    bind_log(query, seen_in)
}

/// Binds the same arguments as [`Events::bind`], one value each.
fn bind_event<'a>(
    query: Query<'a, Postgres, PgArguments>,
    event: &'a NewEvent,
) -> Result<Query<'a, Postgres, PgArguments>, Error> {
    let metadata = &event.metadata;
    Ok(query
        .bind(event.id.as_uuid())
        .bind(event.event_type)
        // Schema version 1.
        .bind(None::<i32>)
        .bind(json(event)?)
        .bind(metadata.correlation_id.as_deref())
        .bind(metadata.causation_id.map(EventId::as_uuid))
        .bind(metadata.traceparent.as_deref())
        .bind(headers(event)?))
}
