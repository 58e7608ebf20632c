//! The documents of views: one table each, read and written a batch at a time.

use std::collections::{HashMap, HashSet};

use cqrs_core::{
    StoreError, StoreErrorKind,
    ports::{Document, DocumentConflict, DocumentWrite, Documents, SaveError},
};

use crate::{
    connection::GuardedConnection,
    error::{is_missing_table, statement},
    row::{signed, unsigned},
    statements::of_view,
    store::PgEventStore,
    time_limit::within,
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
        let mut connection = self.backend().acquire().await?;
        let done = within(
            self.backend().statement_limit(),
            query.execute(&mut *connection),
        )
        .await;
        connection.note(done).map_err(statement)?;
        Ok(())
    }

    async fn load_in(
        &self,
        transaction: &mut PgTransaction,
        view: &str,
        keys: &[String],
    ) -> Result<HashMap<String, Document>, StoreError> {
        let query = sqlx::query_as(self.view_statement(of_view::LOAD, view)?.sql()).bind(keys);
        let asked = query.fetch_all(transaction.connection());
        let rows: Result<Vec<Row>, _> = within(self.backend().statement_limit(), asked).await;
        let rows = transaction.note(rows)?;
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
        writes.iter().try_for_each(|write| storable(view, write))?;
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
        let asked = query.fetch_all(transaction.connection());
        let written: Result<Vec<String>, _> = within(self.backend().statement_limit(), asked).await;
        let written = transaction.note(written)?;
        all_written(view, writes, written)
    }

    async fn clear_in(
        &self,
        transaction: &mut PgTransaction,
        view: &str,
    ) -> Result<(), StoreError> {
        let clear = self.view_statement(of_view::CLEAR, view)?;
        let asked = sqlx::query(clear.sql()).execute(transaction.connection());
        let done = within(self.backend().statement_limit(), asked).await;
        transaction.note(done)?;
        Ok(())
    }

    async fn document(&self, view: &str, key: &str) -> Result<Option<Document>, StoreError> {
        let query = sqlx::query_as(self.view_statement(of_view::ONE, view)?.sql()).bind(key);
        let mut connection = self.backend().acquire().await?;
        let row = within(
            self.backend().statement_limit(),
            query.fetch_optional(&mut *connection),
        )
        .await;
        let row: Result<Option<Row>, _> = connection.note(row);
        let row = self.unless_never_run(&mut connection, row).await?;
        Ok(row.map(|row| document(row).1))
    }

    async fn documents(
        &self,
        view: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Document)>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = sqlx::query_as(self.view_statement(of_view::PAGE, view)?.sql())
            .bind(after)
            .bind(limit);
        let mut connection = self.backend().acquire().await?;
        let rows = within(
            self.backend().statement_limit(),
            query.fetch_all(&mut *connection),
        )
        .await;
        let rows: Result<Vec<Row>, _> = connection.note(rows);
        let rows = self.unless_never_run(&mut connection, rows).await?;
        Ok(rows.into_iter().map(document).collect())
    }
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
        let asked = query.fetch_one(&mut **connection);
        let installed = within(self.backend().statement_limit(), asked).await;
        if connection.note(installed).map_err(statement)? {
            Ok(T::default())
        } else {
            Err(statement(error))
        }
    }
}

/// `jsonb` has no NUL character. The server would reject the whole batch without naming the document.
fn storable(view: &str, DocumentWrite { key, body, .. }: &DocumentWrite) -> Result<(), StoreError> {
    if !key.contains('\0') && !body.as_deref().is_some_and(escapes_nul) {
        return Ok(());
    }
    let message = format!(
        "document {key:?} of view {view:?} holds a NUL character, which PostgreSQL cannot store; remove it in the view"
    );
    Err(StoreError::new(StoreErrorKind::InvalidInput, message))
}

/// Whether the JSON text has the escape `\u0000`, and not an escaped backslash before `u0000`.
fn escapes_nul(json: &[u8]) -> bool {
    let is_escape = |at: &usize| {
        json[..*at]
            .iter()
            .rev()
            .take_while(|byte| **byte == b'\\')
            .count()
            % 2
            == 1
    };
    let found = json
        .windows(5)
        .enumerate()
        .filter(|(_, window)| window == b"u0000");
    found.map(|(at, _)| at).any(|at| is_escape(&at))
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

#[cfg(test)]
mod tests {
    use super::escapes_nul;

    #[test]
    fn an_escaped_backslash_is_not_taken_for_a_nul() {
        assert!(escapes_nul(br#"{"a":"\u0000"}"#) && escapes_nul(br#""\\\u0000""#));
        assert!(!escapes_nul(br#""\\u0000""#) && !escapes_nul(br#""u0000""#) && !escapes_nul(b""));
    }
}
