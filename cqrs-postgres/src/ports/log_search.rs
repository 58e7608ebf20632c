//! Searches the log in both directions, one window of positions after another.
//!
//! **Invariant**: as for a page of the log, the mark is read before the rows, in a statement of its own. So nothing is found after
//! the mark, and nothing is missing before it.

use cqrs_core::{Position, RecordedEvent, StoreError, ports::LogSearch};
use sqlx::postgres::PgRow;

use super::log::{high_water_mark, up_to_bytes, window};
use crate::{
    connect::connection::GuardedConnection,
    error::statement,
    row::{self, signed},
    store::PgEventStore,
};

/// A range of positions: after the first one, up to the second one.
type Range = (Position, Position);

pub(crate) async fn search(
    store: &PgEventStore,
    search: &LogSearch,
) -> Result<Vec<RecordedEvent>, StoreError> {
    let mut connection = store.backend().acquire().await?;
    let mark = high_water_mark(store, &mut connection).await?;
    let mut found = Found::default();
    let mut rest = (search.after, search.end(mark));
    while rest.0 < rest.1 && !found.is_complete(search) {
        let range = first_window(search, rest);
        found.add(search_window(store, &mut connection, search, range, &found).await?)?;
        if search.newest_first {
            rest.1 = range.0;
        } else {
            rest.0 = range.1;
        }
    }
    row::read_streams(&found.rows)
}

#[derive(Default)]
struct Found {
    rows: Vec<PgRow>,
    bytes: usize,
}

impl Found {
    fn is_complete(&self, search: &LogSearch) -> bool {
        self.rows.len() >= search.limit || (self.bytes >= search.bytes && !self.rows.is_empty())
    }

    fn add(&mut self, rows: Vec<PgRow>) -> Result<(), StoreError> {
        for row in rows {
            self.bytes += row::payload(&row).map_err(statement)?.len();
            self.rows.push(row);
        }
        Ok(())
    }
}

/// What one statement searches: everything if it skips no event.
fn first_window(search: &LogSearch, (after, end): Range) -> Range {
    let positions = window(search.limit);
    if search.finds_all() {
        (after, end)
    } else if search.newest_first {
        let start = Position::new(end.get().saturating_sub(positions));
        (after.max(start), end)
    } else {
        let stop = Position::new(after.get().saturating_add(positions));
        (after, end.min(stop))
    }
}

async fn search_window(
    store: &PgEventStore,
    connection: &mut GuardedConnection,
    search: &LogSearch,
    (after, end): Range,
    found: &Found,
) -> Result<Vec<PgRow>, StoreError> {
    let statements = &store.backend().statements;
    let sql = if search.newest_first {
        &statements.search_log_backwards
    } else {
        &statements.search_log
    };
    let limit = search.limit.saturating_sub(found.rows.len());
    let bytes = search.bytes.saturating_sub(found.bytes);
    let categories = search.categories.iter().map(|category| category.as_str());
    let rows = sqlx::query(sql.sql())
        .bind(signed(after.get()))
        .bind(signed(end.get()))
        .bind(Vec::from_iter(categories))
        .bind(&search.types)
        .bind(&search.id_prefix)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let rows = connection
        .ask(async |connection| up_to_bytes(rows.fetch(connection), limit, bytes).await)
        .await;
    Ok(rows.map_err(statement)?.rows)
}
