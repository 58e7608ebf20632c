//! Faults of PostgreSQL: ended connections, held guards, old transactions, crashes of the server.

mod crash;
mod guards;
mod kills;
mod prepared;
mod session;
mod settle;
mod table;

use std::{
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use async_trait::async_trait;
use cqrs_core::{EventStore, Position, StoreError, ports::LogQuery};
use cqrs_postgres::{FenceHolder, PgEventStore, PgTransaction, store_error};
use sqlx::{Executor, postgres::PgConnectOptions};

pub(crate) use self::session::NAME as APPLICATION_NAME;
use self::session::Session;
use super::{Blocker, FaultCounts, FaultInjector, PreparedEnd};
use crate::{error::CheckError, run_state::RunState, stored::StoredEvents};

/// The faults to inject into a store on PostgreSQL. None by default.
#[derive(Debug, Clone, Default)]
pub struct PgFaultPlan {
    /// How often to end one of the store's connections.
    pub kill_every: Option<Duration>,
    /// How often to hold the guard of a stream for a moment.
    pub hold_guard_every: Option<Duration>,
    /// Whether to keep transactions with an id open for seconds, one after the other.
    pub old_transactions: bool,
    /// Whether to prepare some units of work, which another session ends. The server needs `max_prepared_transactions`.
    pub prepared: bool,
    /// A shell command that kills the server and starts it again, and how often to run it.
    pub crash: Option<(String, Duration)>,
}

impl PgFaultPlan {
    /// All faults that every server allows: no crashes, no prepared transactions.
    #[must_use]
    pub const fn all() -> Self {
        Self {
            kill_every: Some(Duration::from_millis(300)),
            hold_guard_every: Some(Duration::from_millis(700)),
            old_transactions: true,
            prepared: false,
            crash: None,
        }
    }
}

/// Injects faults into a store in one schema of a PostgreSQL database. Connections of other schemas are not affected.
#[derive(Debug)]
pub struct PgFaults {
    plan: PgFaultPlan,
    options: PgConnectOptions,
    store: PgEventStore,
    description: String,
    injected: Injected,
}

#[derive(Debug, Default)]
struct Injected {
    killed: AtomicU64,
    guards_held: AtomicU64,
    old_transactions: AtomicU64,
    crashes: AtomicU64,
}

impl PgFaults {
    /// Connects to the database with this URL, which holds the store.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn new(
        url: &str,
        store: &PgEventStore,
        plan: PgFaultPlan,
    ) -> Result<Self, CheckError> {
        let options = PgConnectOptions::from_str(url)?.application_name(session::NAME);
        let mut this = Self {
            plan,
            options,
            store: store.clone(),
            description: String::new(),
            injected: Injected::default(),
        };
        let mut session = this.session();
        let version = sqlx::query_scalar("select current_setting('server_version')");
        let version: String = version.fetch_one(session.connection().await?).await?;
        let schema = store.schema();
        let host = this.options.get_host();
        let port = this.options.get_port();
        this.description = format!("PostgreSQL {version} at {host}:{port}, schema {schema}");
        Ok(this)
    }

    /// The first holder of the high-water mark, if nothing can be read after this position.
    async fn first_holder(&self, position: u64) -> Result<Option<Blocker>, StoreError> {
        let holders = self.store.fence_holders().await?;
        let query = LogQuery::new(Position::new(position), 1);
        let is_readable = self.store.read_log(query).await?.upto.is_some();
        let first = holders.into_iter().next();
        Ok(first.filter(|_| !is_readable).map(blocker))
    }

    fn session(&self) -> Session {
        Session::new(self.options.clone())
    }

    /// The statement with the name of the schema in place of `__schema__`.
    fn sql(&self, text: &str) -> sqlx::AssertSqlSafe<String> {
        sqlx::AssertSqlSafe(text.replace("__schema__", &format!("\"{}\"", self.store.schema())))
    }
}

#[async_trait]
impl FaultInjector<PgTransaction> for PgFaults {
    fn describe(&self) -> String {
        self.description.clone()
    }

    async fn inject(&self, state: &RunState) -> Result<(), CheckError> {
        tokio::try_join!(
            self.kill(state),
            self.hold_guards(state),
            self.keep_old_transactions(state),
            self.crash(state),
        )?;
        Ok(())
    }

    fn counts(&self) -> FaultCounts {
        FaultCounts {
            killed: self.injected.killed.load(Relaxed),
            guards_held: self.injected.guards_held.load(Relaxed),
            old_transactions: self.injected.old_transactions.load(Relaxed),
            crashes: self.injected.crashes.load(Relaxed),
        }
    }

    async fn begin_early(&self, transaction: &mut PgTransaction) -> Result<(), StoreError> {
        run(transaction, "select pg_current_xact_id()").await
    }

    async fn savepoint(&self, transaction: &mut PgTransaction) -> Result<bool, StoreError> {
        run(transaction, "savepoint undone").await?;
        Ok(true)
    }

    async fn undo(&self, transaction: &mut PgTransaction) -> Result<(), StoreError> {
        run(transaction, "rollback to undone").await
    }

    async fn prepare(
        &self,
        transaction: PgTransaction,
        name: &str,
    ) -> Result<Option<PgTransaction>, StoreError> {
        self.prepare_transaction(transaction, name).await
    }

    async fn end_prepared(&self, name: &str, end: PreparedEnd) -> Result<(), StoreError> {
        self.end_prepared_transaction(name, end).await
    }

    async fn blocker(&self, position: u64) -> Option<Blocker> {
        self.first_holder(position)
            .await
            .unwrap_or_else(|error| Some(Blocker::silent_store(error)))
    }

    async fn settle(&self) -> Result<(), CheckError> {
        self.wait_until_settled().await
    }

    async fn stored_events(&self, state: &RunState) -> Result<Option<StoredEvents>, CheckError> {
        Ok(Some(self.read_table(state.run).await?))
    }
}

async fn run(transaction: &mut PgTransaction, sql: &'static str) -> Result<(), StoreError> {
    let ran = transaction.execute(sql).await;
    ran.map(drop).map_err(store_error)
}

/// How many characters of a statement a report shows.
const STATEMENT_LENGTH: usize = 90;

fn blocker(mut holder: FenceHolder) -> Blocker {
    let short = |query: String| query.chars().take(STATEMENT_LENGTH).collect();
    holder.query = holder.query.map(short);
    Blocker {
        id: format!("{:?} {:?}", holder.pid, holder.prepared),
        description: format!("position {} is held by {holder}", holder.position),
    }
}
