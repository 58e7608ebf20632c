//! A guarded connection.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
    time::Duration,
};

use sqlx::{Connection, Error, PgConnection, Postgres, pool::PoolConnection};
use tokio::runtime::Handle;

use crate::{
    connect::hosts::{Hosts, can_only_read},
    error::is_read_only,
    time_limit::within,
};

/// A connection that was idle for longer is pinged before it is used: if it broke meanwhile, an append would have an unknown
/// outcome although it was never sent. No server restarts in less time.
const PING_AFTER: Duration = Duration::from_millis(100);

/// How long the answer to a ping may take. A new connection takes less than that.
const PING_LIMIT: Duration = Duration::from_secs(1);

/// Whether a connection that was idle for this long can be used.
pub(crate) async fn is_alive(connection: &mut PgConnection, idle: Duration) -> bool {
    idle < PING_AFTER || within(PING_LIMIT, connection.ping()).await.is_ok()
}

/// Whether this error leaves a connection in an unknown state.
pub(crate) fn is_lost(error: &Error) -> bool {
    matches!(
        error,
        Error::Io(_) | Error::Protocol(_) | Error::WorkerCrashed
    )
}

/// A connection of the transactions' pool. It goes back only if everything that was sent on it was answered. Otherwise it is closed
/// at once, without a further message: a caller who stopped waiting may have left it in any state, even in a transaction that
/// has just begun.
#[derive(Debug)]
pub(crate) struct GuardedConnection {
    connection: Option<PoolConnection<Postgres>>,
    /// Everything that was sent was answered.
    answered: bool,
    /// A statement of the user may have failed because the session can only read.
    suspect: bool,
    hosts: Arc<Hosts>,
    limit: Duration,
}

impl GuardedConnection {
    /// Giving it back takes `limit` at most.
    pub(crate) fn new(
        connection: PoolConnection<Postgres>,
        hosts: Arc<Hosts>,
        limit: Duration,
    ) -> Self {
        Self {
            connection: Some(connection),
            answered: true,
            suspect: false,
            hosts,
            limit,
        }
    }

    /// Begins or ends a transaction. Until the answer arrives, server and driver may disagree on whether there is one. So nobody
    /// else gets the connection, even if the caller stops waiting.
    pub(crate) async fn step(
        &mut self,
        limit: Duration,
        step: impl AsyncFnOnce(&mut PgConnection) -> Result<(), Error>,
    ) -> Result<(), Error> {
        within(limit, step(self)).await?;
        self.answered = true;
        Ok(())
    }

    /// Sends a statement, waits for the answer within the limit of statements, and takes its outcome.
    pub(crate) async fn ask<T>(
        &mut self,
        statement: impl AsyncFnOnce(&mut PgConnection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let limit = self.limit;
        let answer = within(limit, statement(self)).await;
        self.note(answer)
    }

    /// Takes the outcome of a statement.
    pub(crate) fn note<T>(&mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        self.answered = !outcome.as_ref().is_err_and(is_lost);
        if outcome.as_ref().is_err_and(is_read_only) {
            self.hosts.outdate_connections();
        }
        outcome
    }

    /// Whether everything that was sent was answered.
    pub(crate) fn is_answered(&self) -> bool {
        self.answered
    }

    /// Has the connection [looked at](Self::look) before it goes back.
    pub(crate) fn suspect(&mut self) {
        self.suspect = true;
    }

    /// Looks whether the session can only read: an error that said so was perhaps seen only by the user's code.
    pub(crate) async fn look(&mut self) {
        let limit = self.limit;
        let answer = within(limit, can_only_read(self)).await;
        if self.note(answer).is_ok_and(|read_only| read_only) {
            self.hosts.outdate_connections();
        }
    }

    /// For statements whose outcome is not noted.
    pub(crate) fn without_note(&mut self) -> &mut PgConnection {
        self.connection
            .as_mut()
            .expect("only drop takes the connection")
    }
}

impl Deref for GuardedConnection {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection
            .as_ref()
            .expect("only drop takes the connection")
    }
}

/// For sending a statement, whose outcome is then [noted](GuardedConnection::note).
impl DerefMut for GuardedConnection {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.answered = false;
        self.without_note()
    }
}

/// The pool pings a connection that comes back, without a limit: it would lose the place of one that does not answer. So the
/// return has a limit. Without a runtime there is no ping, and the connection is closed.
impl Drop for GuardedConnection {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        match Handle::try_current() {
            Ok(runtime) if self.answered && self.suspect => {
                let mut back = Self::new(connection, Arc::clone(&self.hosts), self.limit);
                drop(runtime.spawn(async move { back.look().await }));
            }
            Ok(runtime) if self.answered => {
                let back = tokio::time::timeout(self.limit, connection.return_to_pool());
                drop(runtime.spawn(back));
            }
            _ => drop(connection.detach()),
        }
    }
}
