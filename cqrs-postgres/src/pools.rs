//! The connections of a store: one pool for transactions, and four for single statements.

use std::time::Duration;

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

use crate::{config::PgConfig, connection::is_alive, statement_pool::StatementPool};

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
}

impl Pools {
    pub(crate) fn new(options: &PgConnectOptions, config: &PgConfig) -> Self {
        let every = options.clone().options(every_session(config));
        let single = every.clone().options(single_statements(config));
        let pool = |connections| StatementPool::new(single.clone(), config.timeout(), connections);
        Self {
            transactions: transactions(every, config),
            quick: pool(CONNECTIONS),
            waiting: pool(CONNECTIONS),
            writer: pool(1),
            reader: pool(1),
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

fn transactions(options: PgConnectOptions, config: &PgConfig) -> PgPool {
    PgPoolOptions::new()
        .max_connections(config.pool_size())
        .acquire_timeout(config.timeout())
        // A ping before each use would cost a round trip: only a connection that was idle is pinged.
        .test_before_acquire(false)
        .before_acquire(|connection, since| {
            Box::pin(async move { Ok(is_alive(connection, since.idle_for).await) })
        })
        .connect_lazy_with(options)
}

/// The short append functions (`sql/functions/append/steps/prologue.sql`) expect exactly this search path.
pub(crate) const SEARCH_PATH: &str = "pg_catalog, pg_temp";

/// The settings of every session.
///
/// A session that cannot send its answer to a stopped client is not idle, so no other time-out ends it. It would keep its locks,
/// perhaps that of a checkpoint.
fn every_session(config: &PgConfig) -> [(&'static str, String); 1] {
    // Less would break a connection at the first lost packet.
    const LEAST: Duration = Duration::from_secs(1);
    let unread = config.idle_timeout().max(LEAST);
    [("tcp_user_timeout", unread.as_millis().to_string())]
}

/// The further settings of sessions for single statements. Each statement is planned once and uses an index, even if the table was
/// empty then. None waits long for a lock.
fn single_statements(config: &PgConfig) -> [(&'static str, String); 5] {
    let limit = config.statement_limit().as_millis().to_string();
    [
        ("statement_timeout", limit),
        ("plan_cache_mode", "force_generic_plan".to_owned()),
        ("enable_seqscan", "off".to_owned()),
        ("lock_timeout", "10s".to_owned()),
        ("search_path", SEARCH_PATH.to_owned()),
    ]
}
