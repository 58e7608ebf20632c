//! A connection on loan, and the bound on everything that is asked of it.
//!
//! **Invariant**: no call waits for an answer without end. The server bounds a statement; what bounds a commit, and a network
//! that went silent, is only the client. It stops waiting and gives the connection up; it never cancels, because a commit
//! that is cancelled while it waits for a standby becomes visible without being safe.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use cqrs_core::StoreError;
use sqlx::{Error, PgConnection, PgPool, Postgres, pool::PoolConnection};

use crate::error::statement;

/// Waits so long for the outcome of something the server was asked.
pub(crate) async fn within<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(limit, asked).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let said = format!("no answer within {limit:?}");
            Err(std::io::Error::new(std::io::ErrorKind::TimedOut, said).into())
        }
    }
}

/// Whether an outcome leaves a connection of which nobody knows what it is doing.
pub(crate) fn is_lost(error: &Error) -> bool {
    matches!(
        error,
        Error::Io(_) | Error::Protocol(_) | Error::WorkerCrashed
    )
}

/// A connection of a pool. It goes back there, unless it was lost: then it is closed at once, without a word that would
/// have to wait for an answer.
#[derive(Debug)]
pub(crate) struct Lent {
    connection: Option<PoolConnection<Postgres>>,
    lost: bool,
}

impl Lent {
    /// Borrows one. A failure here has written nothing.
    pub(crate) async fn from(pool: &PgPool) -> Result<Self, StoreError> {
        let connection = pool.acquire().await.map_err(statement)?;
        Ok(Self {
            connection: Some(connection),
            lost: false,
        })
    }

    /// Begins or ends a transaction. Unless that was done and answered, the server or the driver may count one that the other
    /// does not, and nobody else may have the connection: also not after a caller who stopped waiting.
    pub(crate) async fn step(
        &mut self,
        limit: Duration,
        step: impl AsyncFnOnce(&mut PgConnection) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let lost = std::mem::replace(&mut self.lost, true);
        within(limit, step(self)).await?;
        self.lost = lost;
        Ok(())
    }

    /// Takes the outcome of a statement.
    pub(crate) fn note<T>(&mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        self.lost |= outcome.as_ref().is_err_and(is_lost);
        outcome
    }
}

impl Deref for Lent {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection
            .as_ref()
            .expect("it is given up in drop only")
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection
            .as_mut()
            .expect("it is given up in drop only")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.lost
            && let Some(connection) = self.connection.take()
        {
            drop(connection.detach());
        }
    }
}
