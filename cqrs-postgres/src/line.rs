//! A few connections for single statements.
//!
//! Not a pool of sqlx: that one asks each connection that comes back whether it is alive, which costs as much on the server
//! as the shortest read. Here a connection comes back only if its last statement was answered.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use cqrs_core::StoreError;
use sqlx::{Connection, Error, PgConnection, postgres::PgConnectOptions};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{
    connection::{is_lost, within},
    error::statement,
};

/// After so long without use a connection is asked whether it is alive: one that broke meanwhile would leave the outcome of an
/// append unknown that was never sent.
pub(crate) const IDLE: Duration = Duration::from_secs(5);

/// A connection and since when it has nothing to do.
pub(crate) struct Idle {
    connection: PgConnection,
    since: Instant,
}

impl Idle {
    pub(crate) fn new(connection: PgConnection) -> Self {
        let since = Instant::now();
        Self { connection, since }
    }

    /// The connection, if it is still one.
    pub(crate) async fn wake(mut self, limit: Duration) -> Option<PgConnection> {
        let asked = self.since.elapsed() >= IDLE;
        if asked && within(limit, self.connection.ping()).await.is_err() {
            return None;
        }
        Some(self.connection)
    }
}

/// So many connections at most.
const CONNECTIONS: usize = 4;

/// A few connections for single statements.
pub(crate) struct Line {
    options: PgConnectOptions,
    timeout: Duration,
    idle: Mutex<Vec<Idle>>,
    room: Arc<Semaphore>,
}

/// Says nothing of the options, which hold a password.
impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("idle", &self.idle().len())
            .finish_non_exhaustive()
    }
}

impl Line {
    pub(crate) fn new(options: PgConnectOptions, timeout: Duration) -> Self {
        Self {
            options,
            timeout,
            idle: Mutex::new(Vec::with_capacity(CONNECTIONS)),
            room: Arc::new(Semaphore::new(CONNECTIONS)),
        }
    }

    /// A connection, as soon as one is free. A failure here has written nothing.
    pub(crate) async fn free(&self) -> Result<Taken<'_>, StoreError> {
        let room = Arc::clone(&self.room).acquire_owned();
        let room = match tokio::time::timeout(self.timeout, room).await {
            Ok(Ok(room)) => room,
            Ok(Err(_)) => return Err(statement(Error::PoolClosed)),
            Err(_) => return Err(statement(Error::PoolTimedOut)),
        };
        let connection = self.connected().await?;
        Ok(Taken {
            line: self,
            connection: Some(connection),
            answered: true,
            _room: room,
        })
    }

    async fn connected(&self) -> Result<PgConnection, StoreError> {
        loop {
            // Apart, so that nothing is locked while it is asked.
            let idle = self.idle().pop();
            match idle {
                None => return self.connect().await,
                Some(idle) => {
                    if let Some(connection) = idle.wake(self.timeout).await {
                        return Ok(connection);
                    }
                }
            }
        }
    }

    /// Closes every connection, as soon as it is free; there will be no other.
    pub(crate) async fn close(&self) {
        let all = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
        // Closed already when it fails.
        let _ = self.room.acquire_many(all).await;
        self.room.close();
        let idle = std::mem::take(&mut *self.idle());
        for idle in idle {
            // Whether or not the server hears it.
            let _ = within(self.timeout, idle.connection.close()).await;
        }
    }

    async fn connect(&self) -> Result<PgConnection, StoreError> {
        if self.room.is_closed() {
            return Err(statement(Error::PoolClosed));
        }
        let connecting = PgConnection::connect_with(&self.options);
        within(self.timeout, connecting).await.map_err(statement)
    }

    /// The connection that somebody keeps, or a new one in its place.
    pub(crate) async fn keep(&self, kept: &mut Option<Idle>) -> Result<PgConnection, StoreError> {
        if let Some(kept) = kept.take()
            && let Some(connection) = kept.wake(self.timeout).await
        {
            return Ok(connection);
        }
        self.connect().await
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle
            .lock()
            .expect("no call panics while it holds the lock")
    }
}

/// A connection for a statement or two.
pub(crate) struct Taken<'a> {
    line: &'a Line,
    connection: Option<PgConnection>,
    /// Nothing was asked that has not been answered.
    answered: bool,
    _room: OwnedSemaphorePermit,
}

impl Taken<'_> {
    /// Takes the outcome of a statement.
    pub(crate) fn note<T>(&mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        match &outcome {
            // What broke this connection has likely broken the idle ones.
            Err(error) if is_lost(error) => self.line.idle().clear(),
            // After an error of the server the connection may be about to end.
            Err(_) => {}
            Ok(_) => self.answered = true,
        }
        outcome
    }
}

impl Deref for Taken<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection
            .as_ref()
            .expect("it is given back in drop only")
    }
}

/// To ask something.
impl DerefMut for Taken<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.answered = false;
        self.connection
            .as_mut()
            .expect("it is given back in drop only")
    }
}

/// **Invariant**: what comes back was answered. A caller who stopped waiting leaves a connection that is closed, and the server
/// ends by itself what it was doing.
impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if self.answered
            && let Some(connection) = self.connection.take()
        {
            self.line.idle().push(Idle::new(connection));
        }
    }
}
