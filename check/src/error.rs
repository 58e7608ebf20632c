//! Errors that end a run without a verdict.

use std::time::Duration;

use cqrs_core::{StoreError, read::RunnerError};

/// The check could not run. The error says nothing about the promises of the store.
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
    /// The server was still busy after the last writer had stopped.
    #[error(
        "{running} fences, guards and appends were still active {waited:?} after the last writer had stopped (-1: the \
         server did not answer); find out what their sessions wait for, and end them"
    )]
    Unsettled {
        /// How many fences, guards and appends; -1 if the server could not be asked.
        running: i64,
        /// How long the checker waited.
        waited: Duration,
    },
    /// A runner stopped by itself.
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// A process of the check could not be started, stopped or ended, or its subscription not be changed.
    #[error("a process of the check: {0}")]
    Process(String),
    /// The options contradict each other or the store.
    #[error("{0}")]
    Options(String),
}

impl From<sqlx::Error> for CheckError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(cqrs_postgres::store_error(error))
    }
}
