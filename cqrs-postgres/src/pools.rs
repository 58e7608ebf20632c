//! The connections of a store: one pool for transactions, and four for single statements.

use std::{sync::Arc, time::Duration};

use cqrs_core::StoreError;
use sqlx::{Error, PgPool, postgres::PgPoolOptions};
use tokio::time::Instant;

use crate::{
    config::PgConfig,
    connection::{GuardedConnection, is_alive},
    hosts::{Hosts, Settings},
    statement_pool::StatementPool,
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
            transactions,
            quick: pool(CONNECTIONS),
            waiting: pool(CONNECTIONS),
            writer: pool(1),
            reader: pool(1),
            hosts,
        }
    }

    /// A connection for a transaction, or for a statement of any length; giving it back takes `limit` at most. A failure here has
    /// written nothing.
    pub(crate) async fn acquire(&self, limit: Duration) -> Result<GuardedConnection, StoreError> {
        match self.transactions.acquire().await {
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
            Err(error) => Err(self.hosts.not_connected(error)),
        }
    }

    /// Closes all of them as soon as they are free.
    pub(crate) async fn close(&self) {
        for pool in [&self.writer, &self.reader, &self.waiting, &self.quick] {
            pool.close().await;
        }
        self.transactions.close().await;
    }
}

fn transactions(hosts: &Arc<Hosts>, settings: &Settings, config: &PgConfig) -> PgPool {
    let options = hosts.options(settings);
    let hosts = Arc::clone(hosts);
    PgPoolOptions::new()
        .max_connections(config.pool_size())
        .acquire_timeout(config.timeout())
        // A ping before each use would cost a round trip: only a connection that was idle is pinged.
        .test_before_acquire(false)
        .before_acquire(move |connection, since| {
            let made = Instant::now().checked_sub(since.age);
            let outdated = made.is_some_and(|made| hosts.is_outdated(made));
            Box::pin(async move { Ok(!outdated && is_alive(connection, since.idle_for).await) })
        })
        .connect_lazy_with(options)
}

/// The short append functions (`sql/functions/append/steps/prologue.sql`) expect exactly this search path.
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
