//! What PostgreSQL can suffer: connections that end, guards that are held, old transactions, crashes of the server.

mod crash;
mod guards;
mod kills;
mod prepared;
mod session;
mod settle;
mod truth;

use std::{
    str::FromStr,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use async_trait::async_trait;
use cqrs_core::{EventStore, Position, StoreError, model::Slices, ports::LogQuery};
use cqrs_postgres::{FenceHolder, PgEventStore, PgTransaction, store_error};
use sqlx::{Executor, postgres::PgConnectOptions};

use self::session::Session;
use super::{Damage, Hindrance, Mischief};
use crate::{error::CheckError, scene::Scene, truth::Truth};

/// What is to be done to a PostgreSQL store. Nothing unless named.
#[derive(Debug, Clone, Default)]
pub struct PgMischiefPlan {
    /// Ends one of the store's connections, by chance, so often.
    pub kill_every: Option<Duration>,
    /// Holds the guard of a stream for a moment, so often.
    pub hold_guard_every: Option<Duration>,
    /// Keeps a transaction with an id open for seconds, one after the other.
    pub old_transactions: bool,
    /// Some units of work are prepared and ended by another session. The server must have `max_prepared_transactions`.
    pub prepared: bool,
    /// Runs this shell command so often. It is to kill the server at once and to bring it back.
    pub crash: Option<(String, Duration)>,
}

impl PgMischiefPlan {
    /// All that needs nothing from the server: no crashes, no prepared transactions.
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

/// Damages a store in a schema of a PostgreSQL database. Only connections that work on this schema are ended.
#[derive(Debug)]
pub struct PgMischief {
    plan: PgMischiefPlan,
    options: PgConnectOptions,
    store: PgEventStore,
    described: String,
    done: Done,
}

#[derive(Debug, Default)]
struct Done {
    killed: AtomicU64,
    guards_held: AtomicU64,
    old_transactions: AtomicU64,
    crashes: AtomicU64,
}

impl PgMischief {
    /// Gets ready to damage this store, which lies in the database with this URL.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn new(
        url: &str,
        store: &PgEventStore,
        plan: PgMischiefPlan,
    ) -> Result<Self, CheckError> {
        let options = PgConnectOptions::from_str(url)?.application_name(session::NAME);
        let mut this = Self {
            plan,
            options,
            store: store.clone(),
            described: String::new(),
            done: Done::default(),
        };
        let mut session = this.session();
        let version = sqlx::query_scalar("select current_setting('server_version')");
        let version: String = version.fetch_one(session.get().await?).await?;
        let schema = store.schema();
        let (host, port) = (this.options.get_host(), this.options.get_port());
        this.described = format!("PostgreSQL {version} at {host}:{port}, schema {schema}");
        Ok(this)
    }

    /// Whoever holds the mark, if that is why there is nothing to be read behind this position.
    async fn first_holder(&self, place: u64) -> Result<Option<Hindrance>, StoreError> {
        let holders = self.store.fence_holders().await?;
        let behind = LogQuery {
            after: Position::new(place),
            reads: &[],
            slices: Slices::ALL,
            limit: 1,
        };
        let readable = self.store.read_log(behind).await?.upto.is_some();
        let first = holders.into_iter().next();
        Ok(first.filter(|_| !readable).map(hindrance))
    }

    fn session(&self) -> Session {
        Session::new(self.options.clone())
    }

    /// `text` with the schema in place of `__schema__`.
    fn sql(&self, text: &str) -> sqlx::AssertSqlSafe<String> {
        sqlx::AssertSqlSafe(text.replace("__schema__", &format!("\"{}\"", self.store.schema())))
    }
}

#[async_trait]
impl Mischief<PgTransaction> for PgMischief {
    fn describe(&self) -> String {
        self.described.clone()
    }

    async fn make(&self, scene: &Scene) -> Result<(), CheckError> {
        tokio::try_join!(
            self.kill(scene),
            self.hold_guards(scene),
            self.grow_old(scene),
            self.crash(scene),
        )?;
        Ok(())
    }

    fn damage(&self) -> Damage {
        Damage {
            killed: self.done.killed.load(Relaxed),
            guards_held: self.done.guards_held.load(Relaxed),
            old_transactions: self.done.old_transactions.load(Relaxed),
            crashes: self.done.crashes.load(Relaxed),
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
        self.lay_aside(transaction, name).await
    }

    async fn end_prepared(&self, name: &str, commit: bool) -> Result<(), StoreError> {
        self.end(name, commit).await
    }

    async fn who_is_in_the_way(&self, place: u64) -> Option<Hindrance> {
        self.first_holder(place)
            .await
            .unwrap_or_else(|error| Some(Hindrance::silence(error)))
    }

    async fn settle(&self) -> Result<(), CheckError> {
        self.wait_until_settled().await
    }

    async fn truth(&self, scene: &Scene) -> Result<Option<Truth>, CheckError> {
        Ok(Some(self.read_table(scene.run).await?))
    }
}

async fn run(transaction: &mut PgTransaction, sql: &'static str) -> Result<(), StoreError> {
    let ran = transaction.execute(sql).await;
    ran.map(drop).map_err(store_error)
}

/// So many letters of a statement are enough to know it by.
const STATEMENT: usize = 90;

fn hindrance(holder: FenceHolder) -> Hindrance {
    let short = |query: String| query.chars().take(STATEMENT).collect();
    let holder = FenceHolder {
        query: holder.query.map(short),
        ..holder
    };
    Hindrance {
        who: format!("{:?} {:?}", holder.pid, holder.prepared),
        told: format!("position {} is held by {holder}", holder.position),
    }
}
