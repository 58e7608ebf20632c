//! The connections of a store: one pool for transactions, and four for single statements.

use std::{pin::pin, sync::Arc, time::Duration};

use cqrs_core::StoreError;
use futures::future::{Either, select};
use sqlx::{Error, PgConnection, PgPool, Postgres, pool::PoolConnection, postgres::PgPoolOptions};
use tokio::time::Instant;

use crate::{
    connect::{
        config::PgConfig,
        connection::{GuardedConnection, is_alive},
        hosts::{Hosts, Settings, can_only_read},
        statement_pool::StatementPool,
    },
    error::{is_refused_login, statement},
};

/// How many connections are for appends that wait for guards, and how many for other single statements.
const CONNECTIONS: usize = 4;

/// The connections of a store.
///
/// Single statements have their own, because transactions may hold all of theirs while they wait for an append to end. Appends
/// that wait for a guard are apart from statements that wait for nobody.
#[derive(Debug)]
pub(crate) struct Pools {
    /// For transactions, reads of the log, and queries of the user.
    pub(crate) transactions: PgPool,
    /// For single statements that wait for nobody.
    pub(crate) quick: StatementPool,
    /// For single statements that wait for a guard.
    pub(crate) waiting: StatementPool,
    /// For the task that appends batches.
    pub(crate) writer: StatementPool,
    /// For the task that reads batches.
    pub(crate) reader: StatementPool,
    hosts: Arc<Hosts>,
    /// The settings of the session for heartbeats.
    for_leases: Settings,
}

impl Pools {
    pub(crate) fn new(hosts: Hosts, config: &PgConfig) -> Self {
        let (hosts, timeout) = (Arc::new(hosts), config.timeout());
        let mut settings = every_session(config);
        let transactions = transactions(&hosts, &settings, config);
        settings.extend(single_statements());
        let pool = |connections| {
            StatementPool::new(Arc::clone(&hosts), settings.clone(), timeout, connections)
        };
        Self {
            for_leases: leases(config),
            transactions,
            quick: pool(CONNECTIONS),
            waiting: pool(CONNECTIONS),
            writer: pool(1),
            reader: pool(1),
            hosts,
        }
    }

    /// A new connection for heartbeats.
    pub(crate) async fn connect_for_leases(&self) -> Result<PgConnection, StoreError> {
        self.hosts.connect(&self.for_leases).await
    }

    /// A connection for a transaction, or for a statement of any length; giving it back takes `limit` at most. A failure here has
    /// written nothing.
    pub(crate) async fn acquire(&self, limit: Duration) -> Result<GuardedConnection, StoreError> {
        // Boxed like the attempts of Hosts::connect: the pool may connect.
        match Box::pin(self.acquire_from_primary()).await {
            Ok(connection) => {
                let hosts = Arc::clone(&self.hosts);
                Ok(GuardedConnection::new(connection, hosts, limit))
            }
            Err(Error::PoolTimedOut) => {
                let message = format!(
                    "all {} connections for transactions and reads are in use; end transactions and statements of your \
                     own sooner, or raise PgConfig::max_connections",
                    self.transactions.options().get_max_connections()
                );
                Err(self.hosts.why_none(message).await)
            }
            Err(Error::PoolClosed) => Err(statement(Error::PoolClosed)),
            Err(error) => {
                let why = self.hosts.not_connected(error);
                if !self.hosts.are_several() {
                    return Err(why);
                }
                // Names each server.
                Err(self.hosts.look().await.err().unwrap_or(why))
            }
        }
    }

    /// If that takes long, perhaps another server has become the primary.
    async fn acquire_from_primary(&self) -> Result<PoolConnection<Postgres>, Error> {
        if self.makes_a_connection() {
            // A failure is met again, and reported, when the pool has no connection.
            let _ = self.hosts.renew_password().await;
        }
        if !self.hosts.are_several() {
            return match self.transactions.acquire().await {
                Err(error) if is_refused_login(&error) => self.acquire_after(error).await,
                acquired => acquired,
            };
        }
        let acquiring = pin!(self.transactions.acquire());
        match select(acquiring, pin!(self.hosts.moved())).await {
            Either::Left((Err(Error::PoolTimedOut), _)) => Err(Error::PoolTimedOut),
            Either::Left((Err(Error::PoolClosed), _)) => Err(Error::PoolClosed),
            Either::Left((Err(error), _)) => self.acquire_after(error).await,
            Either::Left((acquired, _)) => acquired,
            Either::Right(_) => self.transactions.acquire().await,
        }
    }

    /// Once more, if a connection can be made now: with another server, or another password.
    async fn acquire_after(&self, error: Error) -> Result<PoolConnection<Postgres>, Error> {
        match self.hosts.look().await {
            Ok(()) => self.transactions.acquire().await,
            Err(_) => Err(error),
        }
    }

    /// Whether the pool has none that is idle, and may make one.
    fn makes_a_connection(&self) -> bool {
        let pool = &self.transactions;
        pool.num_idle() == 0 && pool.size() < pool.options().get_max_connections()
    }

    /// Closes all of them as soon as they are free.
    pub(crate) async fn close(&self) {
        for pool in [&self.writer, &self.reader, &self.waiting, &self.quick] {
            pool.close().await;
        }
        self.transactions.close().await;
    }
}

/// This pool makes its connections by itself, to one server. With several, its hooks look for the primary where the pool
/// would not: after a connection was lost, and after one was made to a server that can only read.
fn transactions(hosts: &Arc<Hosts>, settings: &Settings, config: &PgConfig) -> PgPool {
    // The hosts own the pool.
    let before = Arc::downgrade(hosts);
    let after = Arc::downgrade(hosts);
    let pool = PgPoolOptions::new()
        .max_connections(config.pool_size())
        .acquire_timeout(config.timeout())
        // A ping before each use would cost a round trip: only a connection that was idle is pinged.
        .test_before_acquire(false)
        .before_acquire(move |connection, since| {
            let hosts = before.upgrade();
            Box::pin(async move {
                let Some(hosts) = hosts else {
                    return Ok(is_alive(connection, since.idle_for).await);
                };
                let made = Instant::now().checked_sub(since.age);
                if made.is_some_and(|made| hosts.is_outdated(made)) {
                    return Ok(false);
                }
                let alive = is_alive(connection, since.idle_for).await;
                if !alive {
                    hosts.prepare_next().await;
                }
                Ok(alive)
            })
        })
        .after_connect(move |connection, _| {
            let hosts = after.upgrade().filter(|hosts| hosts.wants_primary());
            Box::pin(async move {
                let Some(hosts) = hosts else { return Ok(()) };
                if !can_only_read(connection).await? {
                    return Ok(());
                }
                let _ = hosts.look().await;
                Err(Error::Configuration("the server can only read".into()))
            })
        })
        .connect_lazy_with(hosts.options(settings));
    hosts.lead(pool.clone(), settings.clone());
    pool
}

/// The short append functions (`sql/fragments/prologue.sql`) expect exactly this search path.
pub(crate) const SEARCH_PATH: &str = "pg_catalog, pg_temp";

/// The settings of every session.
///
/// - `tcp_user_timeout`: a session that cannot send its answer to a stopped client is not idle, so no other time-out ends it. It
///   would keep its locks, perhaps that of a checkpoint.
/// - `statement_timeout`: the client stops waiting a little later and closes the connection, which a server that waits for a lock
///   does not notice. Without the time-out its process would stay, and one more with each attempt. **It never cancels a
///   commit**: the server disables the time-out before it commits (`finish_xact_command` in its `postgres.c`). A commit that is
///   cancelled while it waits for a standby would be visible without being safe.
fn every_session(config: &PgConfig) -> Settings {
    // Less would break a connection at the first lost packet.
    const LEAST: Duration = Duration::from_secs(1);
    let unread = config.idle_timeout().max(LEAST).as_millis().to_string();
    let statement = config.statement_limit().as_millis().to_string();
    Settings::from([
        ("tcp_user_timeout", unread),
        ("statement_timeout", statement),
    ])
}

/// The further settings of sessions for single statements. Each statement is planned once and uses an index, even if the table was
/// empty then. None waits long for a lock.
fn single_statements() -> [(&'static str, String); 4] {
    [
        ("plan_cache_mode", "force_generic_plan".to_owned()),
        ("enable_seqscan", "off".to_owned()),
        ("lock_timeout", "10s".to_owned()),
        ("search_path", SEARCH_PATH.to_owned()),
    ]
}

/// The settings of the session for heartbeats. None may take longer than a lease.
fn leases(config: &PgConfig) -> Settings {
    let lease = config.lease_times().lease.as_millis().to_string();
    let bounded_by_lease = ["statement_timeout", "tcp_user_timeout"];
    let mut settings = Settings::from(bounded_by_lease.map(|name| (name, lease.clone())));
    settings.push(("search_path", SEARCH_PATH.to_owned()));
    settings
}
