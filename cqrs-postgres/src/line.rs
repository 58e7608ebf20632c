//! A few connections for single statements.
//!
//! Not a pool of sqlx: that one asks each connection that comes back whether it is alive, which costs as much on the server
//! as the shortest read. Here a connection comes back only if its last statement was answered, and is asked only after it
//! has lain idle: what it was lent for must not fail with an unknown outcome because the server was restarted long before.

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
    connection::{is_alive, is_lost, within},
    error::statement,
    log_identity::{LogIdentity, Whereabouts},
};

/// A few connections for single statements.
pub(crate) struct Line {
    options: PgConnectOptions,
    timeout: Duration,
    whereabouts: Whereabouts,
    /// Each since when. The last used comes first, so that few are in use where few are needed.
    idle: Mutex<Vec<(Connected, Instant)>>,
    connections: usize,
    room: Arc<Semaphore>,
}

/// A connection, and the log that it leads to.
struct Connected {
    connection: PgConnection,
    log: LogIdentity,
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
    /// With so many connections at most.
    pub(crate) fn new(
        options: PgConnectOptions,
        timeout: Duration,
        whereabouts: Whereabouts,
        connections: usize,
    ) -> Self {
        Self {
            options,
            timeout,
            whereabouts,
            idle: Mutex::new(Vec::with_capacity(connections)),
            connections,
            room: Arc::new(Semaphore::new(connections)),
        }
    }

    /// How long to wait for a connection.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A connection, as soon as one is free. A failure here has written nothing.
    pub(crate) async fn free(&self) -> Result<Taken<'_>, StoreError> {
        let room = Arc::clone(&self.room).acquire_owned();
        let room = match tokio::time::timeout(self.timeout, room).await {
            Ok(Ok(room)) => room,
            Ok(Err(_)) => return Err(statement(Error::PoolClosed)),
            Err(_) => return Err(statement(Error::PoolTimedOut)),
        };
        let connected = match self.alive().await {
            Some(connected) => connected,
            None => self.connect().await?,
        };
        Ok(Taken {
            line: self,
            connected: Some(connected),
            answered: true,
            _room: room,
        })
    }

    /// The one that was used last, if it still works.
    async fn alive(&self) -> Option<Connected> {
        let (mut connected, since) = self.idle().pop()?;
        if is_alive(&mut connected.connection, since.elapsed()).await
            && self.locate(&mut connected).await.is_ok()
        {
            return Some(connected);
        }
        // What broke this connection has likely broken the others.
        self.idle().clear();
        None
    }

    /// Closes every connection, as soon as it is free; there will be no other.
    pub(crate) async fn close(&self) {
        let all = u32::try_from(self.connections).unwrap_or(u32::MAX);
        // Closed already when it fails.
        let _ = self.room.acquire_many(all).await;
        self.room.close();
        let idle = std::mem::take(&mut *self.idle());
        for (connected, _) in idle {
            // Whether or not the server hears it.
            let _ = within(self.timeout, connected.connection.close()).await;
        }
    }

    async fn connect(&self) -> Result<Connected, StoreError> {
        let connecting = async {
            let mut connection = PgConnection::connect_with(&self.options).await?;
            let log = self.whereabouts.ask_new(&mut connection).await?;
            Ok(Connected { connection, log })
        };
        within(self.timeout, connecting).await.map_err(statement)
    }

    /// Asks where a connection leads to, unless that is known.
    async fn locate(&self, connected: &mut Connected) -> Result<(), Error> {
        if !self.whereabouts.is_known(&connected.log) {
            let asked = self.whereabouts.ask(&mut connected.connection);
            connected.log = within(self.timeout, asked).await?;
        }
        Ok(())
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(Connected, Instant)>> {
        self.idle
            .lock()
            .expect("no call panics while it holds the lock")
    }
}

/// A connection for a statement or two.
pub(crate) struct Taken<'a> {
    line: &'a Line,
    connected: Option<Connected>,
    /// Nothing was asked that has not been answered.
    answered: bool,
    _room: OwnedSemaphorePermit,
}

impl Taken<'_> {
    /// The log that it leads to.
    pub(crate) fn log(&self) -> &LogIdentity {
        &self.connected().log
    }

    fn connected(&self) -> &Connected {
        self.connected
            .as_ref()
            .expect("it is given back in drop only")
    }

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
        &self.connected().connection
    }
}

/// To ask something.
impl DerefMut for Taken<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.answered = false;
        let connected = self.connected.as_mut();
        let connected = connected.expect("it is given back in drop only");
        &mut connected.connection
    }
}

/// **Invariant**: what comes back was answered. A caller who stopped waiting leaves a connection that is closed, and the server
/// ends by itself what it was doing.
impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if self.answered
            && let Some(connected) = self.connected.take()
        {
            self.line.idle().push((connected, Instant::now()));
        }
    }
}
