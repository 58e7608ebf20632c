//! Connections for single statements, in pools of deadpool.
//!
//! Not in the pool of sqlx, which pings each connection that is given back: that costs the server as much as the shortest read.
//! And its transactions may hold every connection while they wait for an append that needs one.

use std::{
    fmt,
    ops::{Deref, DerefMut},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use cqrs_core::StoreError;
use deadpool::{
    Runtime,
    managed::{
        Manager, Metrics, Object, Pool, PoolError, QueueMode, RecycleError, RecycleResult,
        TimeoutType, Timeouts,
    },
};
use sqlx::{Error, PgConnection};
use tokio::time::Instant;

use crate::{
    connect::{
        connection::{is_alive, is_lost},
        hosts::{Hosts, Settings},
    },
    error::{is_read_only, statement},
};

/// A pool of connections for single statements.
pub(crate) struct StatementPool {
    pool: Pool<Connections>,
    timeout: Duration,
}

impl fmt::Debug for StatementPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatementPool")
            .field("status", &self.pool.status())
            .finish_non_exhaustive()
    }
}

impl StatementPool {
    /// A pool of at most this many connections, each made when it is first needed.
    pub(crate) fn new(
        hosts: Arc<Hosts>,
        settings: Settings,
        timeout: Duration,
        connections: usize,
    ) -> Self {
        let manager = Connections {
            hosts,
            settings,
            broken: Mutex::new(None),
        };
        let timeouts = Timeouts {
            wait: Some(timeout),
            ..Timeouts::default()
        };
        let pool = Pool::builder(manager)
            .max_size(connections)
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            // The last used comes first, so that a low load uses few connections.
            .queue_mode(QueueMode::Lifo)
            .build()
            .expect("a pool with a runtime can have timeouts");
        Self { pool, timeout }
    }

    /// How long a call waits for a connection.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// A connection, as soon as one is free. A failure here has written nothing.
    pub(crate) async fn get(&self) -> Result<PooledConnection<'_>, StoreError> {
        let manager = self.pool.manager();
        let connection = match self.pool.get().await {
            Ok(connection) => connection,
            Err(PoolError::Backend(error)) => return Err(error),
            Err(PoolError::Timeout(TimeoutType::Wait)) => {
                let message = format!(
                    "all {} connections for single statements are in use; end transactions sooner after an append",
                    self.pool.status().max_size
                );
                return Err(manager.hosts.why_none(message).await);
            }
            Err(_) => return Err(statement(Error::PoolClosed)),
        };
        Ok(PooledConnection {
            manager,
            connection: Some(connection),
            answered: true,
        })
    }

    /// Closes every connection as soon as it is idle. Waits until that is done, but no longer than for a connection.
    pub(crate) async fn close(&self) {
        const PAUSE: Duration = Duration::from_millis(1);
        self.pool.close();
        let closed = async {
            while self.pool.status().size > 0 {
                tokio::time::sleep(PAUSE).await;
            }
        };
        // Those that are still busy are closed when they are given back.
        let _ = tokio::time::timeout(self.timeout, closed).await;
    }
}

/// Makes connections, and checks those that were idle.
struct Connections {
    hosts: Arc<Hosts>,
    settings: Settings,
    /// When a connection was last found broken.
    broken: Mutex<Option<Instant>>,
}

impl Connections {
    /// Whatever broke one connection has probably broken those that were idle at that time.
    fn note_broken(&self) {
        *self.broken() = Some(Instant::now());
    }

    fn broken(&self) -> MutexGuard<'_, Option<Instant>> {
        self.broken
            .lock()
            .expect("no call panics while it holds the lock")
    }
}

/// A connection, when it was made, and since when it is idle.
struct Idle {
    connection: PgConnection,
    made: Instant,
    since: Instant,
}

impl Manager for Connections {
    type Type = Idle;
    type Error = StoreError;

    async fn create(&self) -> Result<Idle, StoreError> {
        let connection = self.hosts.connect(&self.settings).await?;
        let made = Instant::now();
        Ok(Idle {
            connection,
            made,
            since: made,
        })
    }

    async fn recycle(&self, idle: &mut Idle, _: &Metrics) -> RecycleResult<StoreError> {
        let broken = *self.broken();
        if broken.is_some_and(|broken| idle.since <= broken) {
            return Err(RecycleError::message("was idle when another one broke"));
        }
        if self.hosts.is_outdated(idle.made) {
            return Err(RecycleError::message("can perhaps only read"));
        }
        if is_alive(&mut idle.connection, idle.since.elapsed()).await {
            return Ok(());
        }
        self.note_broken();
        Err(RecycleError::message("does not answer"))
    }
}

/// A connection for a statement or two.
pub(crate) struct PooledConnection<'a> {
    manager: &'a Connections,
    connection: Option<Object<Connections>>,
    /// Everything that was sent was answered.
    answered: bool,
}

impl PooledConnection<'_> {
    /// Takes the outcome of a statement.
    pub(crate) fn note<T>(&mut self, outcome: Result<T, Error>) -> Result<T, Error> {
        match &outcome {
            Ok(_) => self.answered = true,
            Err(error) if is_lost(error) => self.manager.note_broken(),
            Err(error) if is_read_only(error) => self.manager.hosts.outdate_connections(),
            // After an error of the server the connection may be about to end.
            Err(_) => {}
        }
        outcome
    }
}

impl Deref for PooledConnection<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        let connection = self.connection.as_ref();
        &connection
            .expect("only drop takes the connection")
            .connection
    }
}

/// For sending a statement, whose outcome is then [noted](PooledConnection::note).
impl DerefMut for PooledConnection<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.answered = false;
        let connection = self.connection.as_mut();
        &mut connection
            .expect("only drop takes the connection")
            .connection
    }
}

/// **Invariant**: a connection goes back only if everything that was sent on it was answered. If a
/// caller stops waiting, the connection is closed; the server finishes the statement by itself.
impl Drop for PooledConnection<'_> {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        if self.answered {
            connection.since = Instant::now();
        } else {
            drop(Object::take(connection));
        }
    }
}
