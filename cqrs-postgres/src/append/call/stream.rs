//! The call of `append_to_one`: several events to one stream, or none to check it.

use cqrs_core::ports::Append;
use sqlx::{Error, PgConnection};

use super::columns::{EventColumns, expectation, slice};
use crate::{
    append::verdict::{self, Verdict},
    sql::statements::Statement,
};

pub(super) async fn send(
    statement: &Statement,
    connection: &mut PgConnection,
    append: &Append,
) -> Result<Verdict, Error> {
    let (expected, expected_event) = expectation(append.expected);
    let mut events = EventColumns::with_capacity(append.events.len());
    events.extend(&append.events)?;
    let call = sqlx::query(statement.sql())
        .bind(append.stream.category().as_str())
        .bind(append.stream.id())
        .bind(slice(append))
        .bind(expected)
        .bind(expected_event);
    let row = events.bind(call).fetch_one(connection).await?;
    verdict::of_one(append, &row)
}
