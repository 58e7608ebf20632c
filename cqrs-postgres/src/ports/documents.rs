//! The documents of views: one table each, read and written a batch at a time.

use std::collections::{HashMap, HashSet};

use cqrs_core::{
    StoreError, StoreErrorKind,
    model::KeyRange,
    ports::{Document, DocumentConflict, DocumentWrite, Documents, SaveError},
};

use crate::{
    connect::connection::GuardedConnection,
    error::{is_missing_table, statement},
    row::{signed, unsigned},
    sql::statements::of_view,
    store::PgEventStore,
    transaction::PgTransaction,
};

type Row = (String, i64, String);

fn document((key, version, body): Row) -> (String, Document) {
    (key, Document::new(unsigned(version), body.into_bytes()))
}

impl Documents for PgEventStore {
    async fn prepare_view(&self, view: &str) -> Result<(), StoreError> {
        // Checks the name.
        self.view_table(view)?;
        let query = sqlx::query(self.backend().statements.prepare_view.sql()).bind(view);
        self.backend()
            .ask(async |connection| query.execute(connection).await)
            .await?;
        Ok(())
    }

    async fn load_in(
        &self,
        transaction: &mut PgTransaction,
        view: &str,
        keys: &[String],
    ) -> Result<HashMap<String, Document>, StoreError> {
        // The server would not name the key.
        keys.iter()
            .try_for_each(|key| DocumentWrite::check_key(view, key))?;
        let query = sqlx::query_as(self.view_statement(of_view::LOAD, view)?.sql()).bind(keys);
        let rows: Vec<Row> = transaction
            .ask(async |connection| query.fetch_all(connection).await)
            .await?;
        Ok(rows.into_iter().map(document).collect())
    }

    async fn save_in(
        &self,
        transaction: &mut PgTransaction,
        view: &str,
        writes: &[DocumentWrite],
    ) -> Result<(), SaveError> {
        if writes.is_empty() {
            return Ok(());
        }
        writes.iter().try_for_each(|write| write.check(view))?;
        let keys: Vec<&str> = writes.iter().map(|write| write.key.as_str()).collect();
        let versions: Vec<i64> = writes.iter().map(|write| signed(write.version)).collect();
        let bodies = writes
            .iter()
            .map(|write| write.body.as_deref().map(std::str::from_utf8).transpose());
        let bodies = bodies.collect::<Result<Vec<_>, _>>().map_err(not_json)?;
        let query = sqlx::query_scalar(self.view_statement(of_view::SAVE, view)?.sql())
            .bind(keys)
            .bind(versions)
            .bind(bodies);
        let written = transaction
            .ask(async |connection| query.fetch_all(connection).await)
            .await?;
        all_written(view, writes, written)
    }

    async fn clear_in(
        &self,
        transaction: &mut PgTransaction,
        view: &str,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(self.backend().statements.clear_view.sql()).bind(view);
        transaction
            .ask(async |connection| query.execute(connection).await)
            .await?;
        Ok(())
    }

    async fn document(&self, view: &str, key: &str) -> Result<Option<Document>, StoreError> {
        let query = sqlx::query_as(self.view_statement(of_view::ONE, view)?.sql()).bind(key);
        if DocumentWrite::check_key(view, key).is_err() {
            return Ok(None);
        }
        let mut connection = self.backend().acquire().await?;
        let row: Result<Option<Row>, _> = connection
            .ask(async |connection| query.fetch_optional(connection).await)
            .await;
        let row = self.unless_never_run(&mut connection, row).await?;
        Ok(row.map(|row| document(row).1))
    }

    async fn documents(
        &self,
        view: &str,
        keys: &KeyRange,
        limit: usize,
    ) -> Result<Vec<(String, Document)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let end = keys.end().map_or_else(above_all_keys, str::to_owned);
        let query = sqlx::query_as(self.view_statement(of_view::PAGE, view)?.sql())
            .bind(keys.start())
            .bind(keys.includes_start())
            .bind(end)
            .bind(limit);
        let mut connection = self.backend().acquire().await?;
        let rows: Result<Vec<Row>, _> = connection
            .ask(async |connection| query.fetch_all(connection).await)
            .await;
        let rows = self.unless_never_run(&mut connection, rows).await?;
        Ok(rows.into_iter().map(document).collect())
    }
}

/// A text above every key: the highest character, more often than the longest key has it.
fn above_all_keys() -> String {
    char::MAX
        .to_string()
        .repeat(DocumentWrite::MAX_KEY_BYTES / char::MAX.len_utf8() + 1)
}

impl PgEventStore {
    /// What was read of a view; nothing if the view has no table, because no runner has prepared it yet.
    async fn unless_never_run<T: Default>(
        &self,
        connection: &mut GuardedConnection,
        read: Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        let error = match read {
            Err(error) if is_missing_table(&error) => error,
            read => return read.map_err(statement),
        };
        let query = sqlx::query_scalar(self.backend().statements.is_installed.sql());
        let installed = connection.ask(async |connection| query.fetch_one(connection).await);
        if installed.await.map_err(statement)? {
            Ok(T::default())
        } else {
            Err(statement(error))
        }
    }
}

fn not_json(error: std::str::Utf8Error) -> StoreError {
    StoreError::new(
        StoreErrorKind::InvalidInput,
        "a document's body is not JSON",
    )
    .caused_by(error)
}

fn all_written(
    view: &str,
    writes: &[DocumentWrite],
    written: Vec<String>,
) -> Result<(), SaveError> {
    if written.len() == writes.len() {
        return Ok(());
    }
    let written: HashSet<String> = written.into_iter().collect();
    match writes.iter().find(|write| !written.contains(&write.key)) {
        Some(DocumentWrite { key, .. }) => Err(DocumentConflict::new(view, key).into()),
        None => Ok(()),
    }
}
