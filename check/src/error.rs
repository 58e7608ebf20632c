//! Why a run gave no verdict.

use std::time::Duration;

use cqrs_core::StoreError;

/// A check that could not run. It says nothing about the promises of the store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The store, or a statement of the checker, failed and another attempt would not help.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The command that crashes and restarts the server failed.
    #[error("the crash command `{command}` failed: {reason}")]
    CrashCommand {
        /// The command.
        command: String,
        /// How it ended.
        reason: String,
    },
    /// The server was still working for a writer after the last one had stopped.
    #[error(
        "{sessions} sessions were still working on the store {waited:?} after the last writer had stopped; find out what \
         they wait for, and end them"
    )]
    Unsettled {
        /// How many sessions; -1 if the server could not be asked.
        sessions: i64,
        /// How long the checker waited.
        waited: Duration,
    },
    /// The options contradict each other or the store.
    #[error("{0}")]
    Options(String),
}

impl From<sqlx::Error> for CheckError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(cqrs_postgres::store_error(error))
    }
}
