//! Maps sqlx's errors to their meaning for the caller, by code and never by text.

use cqrs_core::{StoreError, StoreErrorKind};
use sqlx::Error;

/// What failed, as far as it changes the meaning of the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailedStep {
    /// A failure leaves nothing behind: a read, or a write in a transaction that ends with it.
    Statement,
    /// A commit was in flight: if the answer is lost, the outcome is unknown.
    Commit,
}

/// Maps the error of a statement of your own, for a [`Projection`](cqrs_core::Projection) that returns it: the runner then
/// retries a failure that may pass, and stops at any other.
///
/// ```no_run
/// # async fn count(store: cqrs_postgres::PgEventStore) -> Result<i64, cqrs_core::StoreError> {
/// use cqrs_postgres::store_error;
///
/// let count = sqlx::query_scalar("select count(*) from deposits");
/// count.fetch_one(store.pool()).await.map_err(store_error)
/// # }
/// ```
#[must_use]
pub fn store_error(error: Error) -> StoreError {
    classify(error, FailedStep::Statement)
}

/// A failed statement.
pub(crate) fn statement(error: Error) -> StoreError {
    classify(error, FailedStep::Statement)
}

/// A failed commit, or a failed statement that commits by itself.
pub(crate) fn commit(error: Error) -> StoreError {
    classify(error, FailedStep::Commit)
}

/// Whether certainly nothing was done: the server rejected the statement, or it was not sent.
pub(crate) fn is_rejection(error: &Error) -> bool {
    match error {
        Error::Encode(_) => true,
        Error::Database(database) => {
            let code = database.code().unwrap_or_default();
            by_code(&code, FailedStep::Commit).0 != StoreErrorKind::OutcomeUnknown
        }
        _ => false,
    }
}

/// The error code, if it is one of our own functions.
pub(crate) fn own_code(error: &Error) -> Option<&'static str> {
    let Error::Database(database) = error else {
        return None;
    };
    let code = database.code()?;
    ["CQ009", "CQ010", "CQ011", "CQ012"]
        .into_iter()
        .find(|own| *own == code)
}

/// Whether PostgreSQL ended this statement to resolve a deadlock.
pub(crate) fn is_deadlock(error: &Error) -> bool {
    matches!(error, Error::Database(database) if database.code().as_deref() == Some("40P01"))
}

/// Whether a table does not exist.
pub(crate) fn is_missing_table(error: &Error) -> bool {
    matches!(error, Error::Database(database) if database.code().as_deref() == Some("42P01"))
}

/// Whether the role lacks a right.
pub(crate) fn is_missing_right(error: &Error) -> bool {
    matches!(error, Error::Database(database) if database.code().as_deref() == Some("42501"))
}

/// Whether this session can only read: it leads to a standby, or to a server that was a primary before.
pub(crate) fn is_read_only(error: &Error) -> bool {
    matches!(error, Error::Database(database) if database.code().as_deref() == Some("25006"))
}

/// Whether the server rejected the password or the role.
pub(crate) fn is_refused_login(error: &Error) -> bool {
    matches!(error, Error::Database(database) if database.code().is_some_and(|code| code.starts_with("28")))
}

fn classify(error: Error, step: FailedStep) -> StoreError {
    let (kind, what) = meaning(&error, step);
    StoreError::new(kind, what).caused_by(error)
}

fn meaning(error: &Error, step: FailedStep) -> (StoreErrorKind, &'static str) {
    match error {
        Error::Database(database) => by_code(database.code().as_deref().unwrap_or_default(), step),
        Error::Io(_) | Error::Protocol(_) | Error::WorkerCrashed => lost(step),
        Error::PoolTimedOut => (
            StoreErrorKind::Unavailable,
            "no connection to PostgreSQL in time: all are in use, or none can be made",
        ),
        // For good: nothing opens a closed store again.
        Error::PoolClosed => (StoreErrorKind::Other, "the store was closed; connect again"),
        Error::Tls(_) | Error::Configuration(_) => (
            StoreErrorKind::Misconfigured,
            "PostgreSQL cannot be reached with these settings",
        ),
        Error::Encode(_) => (StoreErrorKind::InvalidInput, "this cannot be stored"),
        Error::Decode(_) | Error::ColumnDecode { .. } | Error::ColumnNotFound(_) => (
            match step {
                FailedStep::Statement => StoreErrorKind::Schema,
                FailedStep::Commit => StoreErrorKind::OutcomeUnknown,
            },
            "the answer of PostgreSQL does not have the expected shape; was the schema changed by hand?",
        ),
        _ => (StoreErrorKind::Other, "PostgreSQL rejected a statement"),
    }
}

/// A failure that a repeat resolves.
pub(crate) fn transient(what: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, format!("{what}; try again"))
}

fn lost(step: FailedStep) -> (StoreErrorKind, &'static str) {
    match step {
        FailedStep::Statement => (
            StoreErrorKind::Unavailable,
            "the connection to PostgreSQL was lost; nothing was written",
        ),
        FailedStep::Commit => (
            StoreErrorKind::OutcomeUnknown,
            "the connection to PostgreSQL was lost during a commit, which may or may not have happened; read before you \
             go on",
        ),
    }
}

/// Codes: <https://www.postgresql.org/docs/current/errcodes-appendix.html>; `CQ...` are our own.
fn by_code(code: &str, step: FailedStep) -> (StoreErrorKind, &'static str) {
    use StoreErrorKind::{InvalidInput, Misconfigured, Other, Schema, Unavailable};
    match code {
        "CQ001" => (
            Misconfigured,
            "the transaction has the wrong isolation level; begin it as READ COMMITTED",
        ),
        "CQ003" => (
            Misconfigured,
            "positions would be reused; set the sequence to the highest position with setval",
        ),
        "CQ005" => (
            Misconfigured,
            "the setting cqrs.fence_.. of the session was changed; reset it",
        ),
        "CQ006" => (
            InvalidInput,
            "an append function does not accept this slice or schema version; append through the store",
        ),
        "CQ007" => (
            InvalidInput,
            "PUBLIC is every role of the server, and gets no access to a store; grant to a role",
        ),
        "CQ010" => (
            Misconfigured,
            "the partitions of a subscription do not have every slice once, so events would be handled twice or not at all; \
             restore its rows in the table checkpoints",
        ),
        "CQ008" => (
            Misconfigured,
            "somebody else's object has the name of this view's table; name the view differently, or move the object",
        ),
        "25P02" => (
            Other,
            "a statement of this transaction failed and its error was ignored, so nothing of it can be committed; \
             return the error, or put what may fail behind a savepoint",
        ),
        "CQ002" => (
            Unavailable,
            "this server is a standby, and the log can be followed on the primary only",
        ),
        "40P01" | "40001" | "55P03" | "57014" | "25P03" => {
            (Unavailable, "PostgreSQL gave up waiting and rolled back")
        }
        // The server ended the session while it was idle.
        "57P05" => (
            Unavailable,
            "PostgreSQL ended the idle session; nothing was written",
        ),
        // The server is going down, perhaps between the commit and its answer.
        "57P01" | "57P02" => lost(step),
        "57P03" => (Unavailable, "PostgreSQL is starting up or shutting down"),
        // After a fail-over the next connection may lead to the primary.
        "25006" => (
            Unavailable,
            "this server is read-only: it is a standby, or no longer the primary; nothing was written",
        ),
        "42P01" | "3F000" | "42883" | "42703" => (
            Schema,
            "the store is not installed as this version needs it; run PgEventStore::install",
        ),
        "42501" => (
            Misconfigured,
            "this role lacks a right it needs; the owner of the store gives it with PgEventStore::grant",
        ),
        // A statement that no event makes valid: of another shape than the schema, or not SQL.
        _ if code.starts_with("42") => (
            Schema,
            "PostgreSQL does not know what a statement names, or does not accept it; correct the statement or the schema",
        ),
        "3D000" => (
            Misconfigured,
            "the database does not exist; create it or correct the URL",
        ),
        "53200" => (
            Unavailable,
            "PostgreSQL is out of memory, or its table of locks is full: then raise max_locks_per_transaction in its \
             configuration and restart it",
        ),
        "53300" => (
            Unavailable,
            "PostgreSQL has no connection left; raise its max_connections, or allow this process fewer",
        ),
        _ if code.starts_with("53") => (Unavailable, "PostgreSQL is out of memory or disk"),
        _ if code.starts_with("08") => lost(step),
        _ if code.starts_with("28") => (
            Misconfigured,
            "PostgreSQL rejected the role or its password",
        ),
        // JSON that is nested too deeply, for example.
        _ if code.starts_with("22") || code.starts_with("54") => {
            (InvalidInput, "PostgreSQL cannot store this value")
        }
        _ => (Other, "PostgreSQL rejected a statement"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_lost_commit_has_an_unknown_outcome() {
        let lost = || Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert_eq!(statement(lost()).kind(), StoreErrorKind::Unavailable);
        assert_eq!(commit(lost()).kind(), StoreErrorKind::OutcomeUnknown);
        assert_eq!(
            commit(Error::PoolTimedOut).kind(),
            StoreErrorKind::Unavailable
        );
        assert_eq!(
            by_code("57P01", FailedStep::Commit).0,
            StoreErrorKind::OutcomeUnknown
        );
        assert_eq!(
            by_code("40P01", FailedStep::Commit).0,
            StoreErrorKind::Unavailable
        );
    }

    #[test]
    fn a_full_table_of_locks_names_its_setting() {
        let (kind, what) = by_code("53200", FailedStep::Commit);
        assert_eq!(kind, StoreErrorKind::Unavailable);
        assert!(what.contains("max_locks_per_transaction"), "{what}");
    }
}
