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
use sqlx::{Connection, Error, PgConnection, PgPool, Postgres, pool::PoolConnection};
use tokio::runtime::Handle;

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

/// After so long without use a connection is asked whether it is alive: one that broke meanwhile would leave the outcome of an
/// append unknown that was never sent. No server is stopped and up again sooner.
const IDLE: Duration = Duration::from_millis(100);

/// How long it has to say so. Another one is made sooner than this.
const ALIVE: Duration = Duration::from_secs(1);

/// Whether a connection that was idle for so long can be used.
pub(crate) async fn is_alive(connection: &mut PgConnection, idle: Duration) -> bool {
    idle < IDLE || within(ALIVE, connection.ping()).await.is_ok()
}

/// Whether an outcome leaves a connection of which nobody knows what it is doing.
pub(crate) fn is_lost(error: &Error) -> bool {
    matches!(
        error,
        Error::Io(_) | Error::Protocol(_) | Error::WorkerCrashed
    )
}

/// A connection of a pool. It goes back there if all that it was asked was answered. Else it is closed at once, without a word
/// that would have to wait for an answer: a caller who stopped waiting may have left it in the middle of anything, even in a
/// transaction that was just begun.
#[derive(Debug)]
pub(crate) struct Lent {
    connection: Option<PoolConnection<Postgres>>,
    /// Nothing was asked that has not been answered.
    answered: bool,
    limit: Duration,
}

impl Lent {
    /// Borrows one; its way back takes no longer than `limit`. A failure here has written nothing.
    pub(crate) async fn from(pool: &PgPool, limit: Duration) -> Result<Self, StoreError> {
        let connection = pool.acquire().await.map_err(statement)?;
        Ok(Self {
            connection: Some(connection),
            answered: true,
            limit,
        })
    }

    /// Begins or ends a transaction. Unless that was done and answered, the server or the driver may count one that the other
    /// does not, and nobody else may have the connection: also not after a caller who stopped waiting.
    pub(crate) async fn step(
        &mut self,
        limit: Duration,
        step: impl AsyncFnOnce(&mut PgConnection) -> Result<(), Error>,
    ) -> Result<(), Error> {
        within(limit, step(self)).await?;
        self.answered = true;
        Ok(())
    }

    /// Takes the outcome of a statement.
    pub(crate) fn note<T>(&mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        self.answered = !outcome.as_ref().is_err_and(is_lost);
        outcome
    }

    /// For statements whose outcome nobody will tell.
    pub(crate) fn unwatched(&mut self) -> &mut PgConnection {
        self.connection
            .as_mut()
            .expect("it is given up in drop only")
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

/// To ask something, whose outcome is then [noted](Lent::note).
impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.answered = false;
        self.unwatched()
    }
}

/// On its way back the pool asks the connection whether it is alive, without a limit of its own, and would miss the place of
/// one that does not answer. Without a runtime nobody can ask.
impl Drop for Lent {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        match Handle::try_current() {
            Ok(runtime) if self.answered => {
                let back = tokio::time::timeout(self.limit, connection.return_to_pool());
                drop(runtime.spawn(back));
            }
            _ => drop(connection.detach()),
        }
    }
}
