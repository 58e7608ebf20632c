//! Compares the stored slices of streams with the hash of their names.

use cqrs_core::{StoreError, StreamId, model::Category};
use cqrs_postgres::{PgEventStore, store_error};
use sqlx::AssertSqlSafe;

/// Every stream with each slice that its events have.
const SLICES: &str =
    "select distinct category, aggregate_id, slice from __schema__.events order by 1, 2, 3";

/// The streams of a store that are not in the slice of their name, described; none if the store is sound.
///
/// The append functions keep a stream in its first slice and take that slice from their caller, which computes it. A relay with
/// several shards, and a reader of some slices, find a misplaced stream in another shard than expected.
///
/// It reads all events once.
///
/// # Errors
/// When the store fails, or a name in it is no name of a stream.
///
/// ```no_run
/// # async fn look(store: cqrs_postgres::PgEventStore) -> Result<(), cqrs_core::StoreError> {
/// for stream in cqrs_check::misplaced_streams(&store).await? {
///     eprintln!("{stream}");
/// }
/// # Ok(())
/// # }
/// ```
pub async fn misplaced_streams(store: &PgEventStore) -> Result<Vec<String>, StoreError> {
    let sql = SLICES.replace("__schema__", &format!("\"{}\"", store.schema()));
    let rows = sqlx::query_as(AssertSqlSafe(sql)).fetch_all(store.pool());
    let rows: Vec<(String, String, i16)> = rows.await.map_err(store_error)?;
    let mut misplaced = Vec::new();
    for (category, id, slice) in rows {
        let stream = StreamId::new(Category::new(category)?, id)?;
        let expected = stream.slice();
        if i16::try_from(expected) != Ok(slice) {
            misplaced.push(format!(
                "{stream} is in slice {slice}, and its name belongs to slice {expected}"
            ));
        }
    }
    Ok(misplaced)
}
