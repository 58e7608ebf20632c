//! Why no verdict could be given.

use std::time::Duration;

use cqrs_core::StoreError;

/// A run that could not be carried out. It says nothing about the store's promises.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The store, or a statement of the checker, failed in a way that trying again does not mend.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The command that crashes the server and brings it back did not do that.
    #[error("the crash command `{command}` failed: {why}")]
    CrashCommand {
        /// The command.
        command: String,
        /// What it said or did.
        why: String,
    },
    /// After the last writer had stopped, the server was still at work for one of them.
    #[error(
        "{sessions} sessions were still at work on the store {waited:?} after the last writer had stopped; end them and \
         look who holds them"
    )]
    Unsettled {
        /// How many.
        sessions: i64,
        /// For how long they were waited for.
        waited: Duration,
    },
    /// What was asked for makes no sense.
    #[error("{0}")]
    Options(String),
}

impl From<sqlx::Error> for CheckError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(cqrs_postgres::store_error(error))
    }
}
