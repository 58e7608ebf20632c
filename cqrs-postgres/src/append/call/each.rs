//! The call of `append_each`: a batch of appends to one stream each.

use cqrs_core::ports::Append;
use sqlx::{Error, PgConnection};

use super::columns::{EventColumns, StreamColumns};
use crate::{
    append::verdict::{self, Verdict},
    sql::statements::Statement,
};

/// `heads` are the positions of the expected events, 0 where one is not known. Without them the versions are read first.
pub(super) async fn send(
    statement: &Statement,
    connection: &mut PgConnection,
    appends: &[&Append],
    heads: Option<Vec<i64>>,
) -> Result<Vec<Verdict>, Error> {
    let count = appends.iter().map(|append| append.events.len()).sum();
    let mut streams = StreamColumns::with_capacity(appends.len());
    let mut events = EventColumns::with_capacity(count);
    for append in appends {
        streams.push(append)?;
        events.extend(&append.events)?;
    }
    let call = streams.bind(sqlx::query(statement.sql())).bind(heads);
    let row = events.bind(call).fetch_one(connection).await?;
    verdict::of_each(appends, &row)
}
