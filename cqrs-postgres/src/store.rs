//! The store: connections, statements, and a bell that rings after a commit.

use std::{sync::Arc, time::Duration};

use cqrs_core::{StoreError, StoreErrorKind, StreamId, Version, ports::PastEvent};
use sqlx::{
    Connection, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio::sync::Notify;

use crate::{
    append::{Appender, Lines, Seen, Turns, Writing},
    config::PgConfig,
    connection::{Lent, is_alive},
    error::statement,
    held_mark::watch::Watch,
    log_identity::Whereabouts,
    replay::Replayer,
    schema::{self, Access, Schema},
    statements::{Statement, Statements},
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
    pool: PgPool,
    schema: String,
    begin: Statement,
    appender: Appender,
    replayer: Replayer,
    watch: Watch,
}

impl PgEventStore {
    /// Creates the schema, or upgrades it from any earlier release. Run it with a role that may create; safe to run at
    /// once from several places.
    ///
    /// # Errors
    /// When the database cannot be reached, or the role may not create. [`StoreErrorKind::Schema`] when a newer version has
    /// upgraded the schema, or another build has made it; then it stays as it is.
    pub async fn install(config: &PgConfig) -> Result<(), StoreError> {
        let schema = config.checked_schema()?;
        let mut connection = connect(config).await?;
        let installed = Schema::new(schema).install(&mut connection).await;
        schema::close(connection).await;
        installed
    }

    /// Gives a role of the database what it needs for this access, and no more. Run it with the role that installed the store,
    /// once for each role; what is created later, a view's table for example, is shared alike.
    ///
    /// # Errors
    /// When the database cannot be reached, the store is not installed, or there is no such role.
    pub async fn grant(config: &PgConfig, role: &str, access: Access) -> Result<(), StoreError> {
        let schema = config.checked_schema()?;
        let mut connection = connect(config).await?;
        let granted = Schema::new(schema)
            .grant(&mut connection, role, access)
            .await;
        schema::close(connection).await;
        granted
    }

    /// Opens the store, once the server and the schema have been found to be what this version needs.
    ///
    /// # Errors
    /// When the database cannot be reached, is older than PostgreSQL 15, or the schema is missing, older or newer than
    /// this version.
    pub async fn connect(config: &PgConfig) -> Result<Self, StoreError> {
        let schema = config.checked_schema()?;
        // One connection first: a pool would try again until its time is up, and not say why.
        let mut connection = connect(config).await?;
        let limit = config.timeout() + config.statement_limit();
        let needed = Schema::new(schema);
        let checked = tokio::time::timeout(limit, needed.check(&mut connection)).await;
        let options = config.connect_options()?;
        let silent = |_| unreachable(&options, &format!("no answer within {limit:?}"));
        checked.map_err(silent)??;
        schema::close(connection).await;
        let pool = PgPoolOptions::new()
            .max_connections(config.pool_size())
            .acquire_timeout(config.timeout())
            // A ping before each use would be one more round trip; after a pause it spares a failure.
            .test_before_acquire(false)
            .before_acquire(|connection, since| {
                Box::pin(async move { Ok(is_alive(connection, since.idle_for).await) })
            })
            .connect_lazy_with(options.clone());
        let options = options.options(for_short_statements(config));
        let statements = Arc::new(Statements::new(schema));
        let whereabouts = Whereabouts::new(statements.log_identity.clone());
        let writing = Writing {
            lines: Lines::new(&options, config.timeout(), whereabouts),
            statements,
            turns: Turns::default(),
            seen: Seen::default(),
            appended: Arc::new(Notify::new()),
            retention: config.retention(),
            statement_timeout: config.statement_limit(),
            commit_timeout: config.commit_limit(),
        };
        Ok(Self(Arc::new(Inner {
            pool,
            schema: schema.to_owned(),
            begin: Statement::begin(config.idle_timeout()),
            appender: Appender::new(writing),
            replayer: Replayer::default(),
            watch: Watch::new(config.held_threshold(), schema),
        })))
    }

    /// Waits for what is under way and closes every connection. Whatever is asked of the store afterwards, by any of its clones,
    /// is an error.
    pub async fn close(&self) {
        self.0.replayer.close().await;
        self.0.appender.close().await;
        self.0.pool.close().await;
    }

    /// The connections, for queries of your own.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.0.pool
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

    pub(crate) fn statements(&self) -> &Statements {
        &self.0.appender.writing().statements
    }

    pub(crate) fn appender(&self) -> &Appender {
        &self.0.appender
    }

    pub(crate) async fn replays(
        &self,
        stream: &StreamId,
        after: Version,
    ) -> Result<Vec<PastEvent>, StoreError> {
        let writing = self.0.appender.writing();
        let replayer = &self.0.replayer;
        replayer.replay(writing, stream, after).await
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.0.watch
    }

    /// How long a statement may take before its answer is no longer waited for.
    pub(crate) fn limit(&self) -> Duration {
        self.0.appender.writing().statement_limit()
    }

    /// How long a commit may take before its answer is no longer waited for.
    pub(crate) fn commit_limit(&self) -> Duration {
        self.0.appender.writing().commit_timeout
    }

    pub(crate) fn begin_statement(&self) -> &Statement {
        &self.0.begin
    }

    pub(crate) fn view_statement(&self, text: &str, view: &str) -> Result<Statement, StoreError> {
        check_view(view)?;
        Ok(Statement::of_view(text, self.schema(), view))
    }

    /// A connection. A failure here has written nothing.
    pub(crate) async fn acquire(&self) -> Result<Lent, StoreError> {
        Lent::from(&self.0.pool, self.limit()).await
    }

    /// Rings after something was appended and committed.
    pub(crate) fn appended(&self) -> &Notify {
        &self.0.appender.writing().appended
    }
}

async fn connect(config: &PgConfig) -> Result<PgConnection, StoreError> {
    let options = config.connect_options()?;
    let connecting = PgConnection::connect_with(&options);
    match tokio::time::timeout(config.timeout(), connecting).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error @ sqlx::Error::Io(_))) => {
            Err(unreachable(&options, &error.to_string()).caused_by(error))
        }
        Ok(Err(error)) => Err(statement(error)),
        Err(_) => Err(unreachable(
            &options,
            &format!("no answer within {:?}", config.timeout()),
        )),
    }
}

fn unreachable(options: &PgConnectOptions, why: &str) -> StoreError {
    let (host, port) = (options.get_host(), options.get_port());
    let message = format!(
        "PostgreSQL at {host}:{port} cannot be reached ({why}); is it up, and is the address right?"
    );
    StoreError::new(StoreErrorKind::Unavailable, message)
}

/// What the short append functions (`sql/functions/append/steps/prologue.sql`) compare theirs with, letter by letter.
pub(crate) const SEARCH_PATH: &str = "pg_catalog, pg_temp";

/// What appends and replays go with. An index serves each of them, so that they are planned once, and never for a table that
/// was empty when the first of them came. Nothing of it waits for a lock for long. The
/// short functions that append need not set the search path.
fn for_short_statements(config: &PgConfig) -> [(&'static str, String); 5] {
    let limit = config.statement_limit().as_millis().to_string();
    [
        ("statement_timeout", limit),
        ("plan_cache_mode", "force_generic_plan".to_owned()),
        ("enable_seqscan", "off".to_owned()),
        ("lock_timeout", "10s".to_owned()),
        ("search_path", SEARCH_PATH.to_owned()),
    ]
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
