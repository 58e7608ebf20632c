//! The store: opens it, and hands out its parts.

mod mark_watch;

use std::sync::Arc;

use cqrs_core::{StoreError, StoreErrorKind, ports::Turns};
use sqlx::PgPool;

use crate::{
    append::Appender,
    connect::{backend::Backend, config::PgConfig, hosts::Settings, pooler::check_session},
    own_session::OwnSession,
    replay::Replayer,
    schema::{self, Access, Schema},
    sql::statements::Statement,
    store::mark_watch::MarkWatch,
};

/// An event store in a schema of a PostgreSQL database, with every port of [`cqrs_core::Store`]. A clone is a handle to
/// the same store and shares its connections.
///
/// ```no_run
/// # use cqrs_core::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(Default)] struct Account;
/// # impl Aggregate for Account {
/// #     type Command = u64; type Event = AccountEvent; type Error = std::convert::Infallible;
/// #     fn handle(&self, cents: u64, _: &Context) -> Decision<Self> { Ok(vec![AccountEvent::Deposited { cents }]) }
/// #     fn apply(&mut self, _: AccountEvent) {}
/// # }
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use cqrs_postgres::{PgConfig, PgEventStore};
///
/// let config = PgConfig::new("postgres://localhost/bank").schema("bank");
/// PgEventStore::install(&config).await?;
/// let store = PgEventStore::connect(&config).await?;
/// store.repository::<Account>().execute("ann", 500).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PgEventStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    backend: Arc<Backend>,
    schema: String,
    appender: Appender,
    replayer: Replayer,
    own_session: OwnSession,
    watch: MarkWatch,
    turns: Turns,
}

impl PgEventStore {
    /// Creates the schema, or upgrades it from any earlier release. Run it with a role that may create schemas; concurrent
    /// runs are safe.
    ///
    /// # Errors
    /// When the database cannot be reached, or the role may not create. [`StoreErrorKind::Schema`] when a newer version has
    /// upgraded the schema, or another build has made it; then it stays as it is.
    pub async fn install(config: &PgConfig) -> Result<(), StoreError> {
        check_runtime()?;
        let schema = config.checked_schema()?;
        let hosts = config.hosts()?;
        let mut connection = hosts.connect(&Settings::new()).await?;
        let installed = match check_session(&mut connection, &hosts).await {
            Ok(()) => Schema::new(schema).install(&mut connection).await,
            Err(error) => Err(error),
        };
        schema::close(connection).await;
        installed
    }

    /// Gives a role of the database what it needs for this access, and no more. Run it with the role that installed the store,
    /// once for each role. It also covers the tables of views that are created later.
    ///
    /// # Errors
    /// When the database cannot be reached, the store is not installed, or there is no such role.
    pub async fn grant(config: &PgConfig, role: &str, access: Access) -> Result<(), StoreError> {
        check_runtime()?;
        let schema = config.checked_schema()?;
        let mut connection = config.hosts()?.connect(&Settings::new()).await?;
        let granted = Schema::new(schema)
            .grant(&mut connection, role, access)
            .await;
        schema::close(connection).await;
        granted
    }

    /// Opens the store, after it has checked that the server and the schema are what this version needs.
    ///
    /// # Errors
    /// When the database cannot be reached, is older than PostgreSQL 15, or the schema is missing, older or newer than
    /// this version. [`StoreErrorKind::Misconfigured`] outside of a tokio runtime. Later calls must be made within it, too: sqlx
    /// panics outside.
    pub async fn connect(config: &PgConfig) -> Result<Self, StoreError> {
        check_runtime()?;
        let schema = config.checked_schema()?;
        config.check_lease()?;
        // One connection first: a pool would retry until its time-out and hide the reason.
        let hosts = config.hosts()?;
        let mut connection = hosts.connect(&Settings::new()).await?;
        let limit = config.timeout() + config.statement_limit();
        let needed = Schema::new(schema);
        let silent = |_| hosts.unreachable(format!("no answer within {limit:?}"));
        let session = tokio::time::timeout(limit, check_session(&mut connection, &hosts)).await;
        session.map_err(silent)??;
        let checked = tokio::time::timeout(limit, needed.check(&mut connection)).await;
        checked.map_err(silent)??;
        schema::close(connection).await;
        let backend = Arc::new(Backend::new(hosts, config, schema));
        Ok(Self(Arc::new(Inner {
            schema: schema.to_owned(),
            appender: Appender::new(Arc::clone(&backend)),
            replayer: Replayer::new(Arc::clone(&backend)),
            own_session: OwnSession::new(Arc::clone(&backend)),
            watch: MarkWatch::new(config.held_threshold(), schema),
            turns: Turns::default(),
            backend,
        })))
    }

    /// Waits for calls in flight, and closes every connection. Every later call fails, on any clone.
    pub async fn close(&self) {
        self.0.own_session.close().await;
        self.0.replayer.close().await;
        self.0.appender.close().await;
        self.0.backend.pools.close().await;
    }

    /// The connections, for queries of your own. The server ends a statement after
    /// [`statement_timeout`](PgConfig::statement_timeout); a session that needs longer sets its own (`set statement_timeout`).
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.0.backend.pools.transactions
    }

    /// The schema that holds the store.
    #[must_use]
    pub fn schema(&self) -> &str {
        &self.0.schema
    }

    /// The name of the table that holds a view's documents, ready for SQL: `"schema"."view_name"`, with the columns
    /// `key text`, `version bigint`, `body jsonb` and `updated_at timestamptz`. Read it and index it as you like.
    ///
    /// # Errors
    /// When the view's name cannot be part of a table's name.
    pub fn view_table(&self, view: &str) -> Result<String, StoreError> {
        check_view(view)?;
        Ok(format!("\"{}\".\"view_{view}\"", self.schema()))
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.0.backend
    }

    pub(crate) fn appender(&self) -> &Appender {
        &self.0.appender
    }

    pub(crate) fn replayer(&self) -> &Replayer {
        &self.0.replayer
    }

    pub(crate) fn command_turns(&self) -> &Turns {
        &self.0.turns
    }

    pub(crate) fn own_session(&self) -> &OwnSession {
        &self.0.own_session
    }

    pub(crate) fn watch(&self) -> &MarkWatch {
        &self.0.watch
    }

    pub(crate) fn view_statement(&self, text: &str, view: &str) -> Result<Statement, StoreError> {
        check_view(view)?;
        Ok(Statement::of_view(text, self.schema(), view))
    }
}

/// Connections need the timers and sockets of tokio; sqlx panics without.
fn check_runtime() -> Result<(), StoreError> {
    if tokio::runtime::Handle::try_current().is_ok() {
        return Ok(());
    }
    let message = "the store needs a tokio runtime; call it from within one, for example from `#[tokio::main]`";
    Err(StoreError::new(StoreErrorKind::Misconfigured, message))
}

/// A view's name becomes part of a table's name.
fn check_view(view: &str) -> Result<(), StoreError> {
    let shape = view
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    if shape && !view.is_empty() && view.len() <= 50 {
        return Ok(());
    }
    let message =
        format!("view {view:?} must be named with 1 to 50 ASCII letters, digits, `_` and `-`");
    Err(StoreError::new(StoreErrorKind::InvalidInput, message))
}
