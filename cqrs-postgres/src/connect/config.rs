//! Which database, which schema, how many connections.

use std::{fmt, path::PathBuf, time::Duration};

use cqrs_core::{
    StoreError, StoreErrorKind,
    model::{LeaseTimes, Limits},
    ports::BoxError,
};

use crate::connect::{
    database_url::DatabaseUrl, hosts::Hosts, password::PasswordSource, servers::Servers,
};

/// How to reach a store.
///
/// ```
/// use std::time::Duration;
///
/// use cqrs_postgres::PgConfig;
///
/// let config = PgConfig::new("postgres://localhost/bank?application_name=bank")
///     .schema("bank")
///     .max_connections(20)
///     .connect_timeout(Duration::from_secs(5));
/// # drop(config);
/// ```
#[derive(Clone)]
pub struct PgConfig {
    url: String,
    allow_plaintext: bool,
    password: Option<PasswordSource>,
    schema: String,
    max_connections: u32,
    connect_timeout: Duration,
    idle_in_transaction_timeout: Duration,
    statement_timeout: Duration,
    commit_timeout: Duration,
    idempotency_retention: Duration,
    held_mark_threshold: Duration,
    limits: Limits,
    lease_times: LeaseTimes,
}

impl PgConfig {
    /// The store at this URL (`postgres://user:password@host:port/database`), in the schema `cqrs`. Percent-encode `@`, `/`, `?`
    /// and `#` in a password (`%40`, `%2F`, `%3F`, `%23`). A parameter that is not known is an error.
    ///
    /// **Several hosts** (`a:5432,b:5432`, or `?host=a,b`) are tried in turn. The first that can be reached and can write is the
    /// primary. After a fail-over the store finds the next one by itself. With one host, `?target_session_attrs=read-write` also
    /// rejects a server that can only read.
    ///
    /// **TLS**: a server that is not on this machine must show a valid certificate for its name (`sslmode=verify-full`), signed by
    /// an authority of the system or of the file `sslrootcert`. `sslcert` and `sslkey` name the files of a client's certificate;
    /// every new connection reads them again. `sslmode=require` encrypts but accepts any certificate, so it does not protect from
    /// somebody who answers in the server's place. See [`allow_plaintext`](Self::allow_plaintext).
    ///
    /// Give your service's name
    /// as `?application_name=..`, or in `PGAPPNAME`: a report on a [transaction that holds readers back](crate::FenceHolder)
    /// shows it. It is `cqrs` otherwise.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            allow_plaintext: false,
            password: None,
            schema: "cqrs".to_owned(),
            max_connections: 10,
            connect_timeout: Duration::from_secs(10),
            idle_in_transaction_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            commit_timeout: Duration::from_secs(30),
            idempotency_retention: Duration::from_secs(7 * 24 * 60 * 60),
            held_mark_threshold: Duration::from_secs(5),
            limits: Limits::default(),
            lease_times: LeaseTimes::default(),
        }
    }

    /// Permits connections in clear text to a server that is not on this machine. The password is not sent in clear (SCRAM), but
    /// anybody on the network can read and change everything else. Without an `sslmode` TLS is used if the server offers it.
    ///
    /// ```
    /// use cqrs_postgres::PgConfig;
    ///
    /// let config = PgConfig::new("postgres://shop@db.internal/shop").allow_plaintext();
    /// # drop(config);
    /// ```
    #[must_use]
    pub fn allow_plaintext(mut self) -> Self {
        self.allow_plaintext = true;
        self
    }

    /// Asks for the password of each new connection, for example for a token that expires. It replaces a password in the URL. When
    /// it fails, so does the call that needed the connection, with an error that may pass. A connection that
    /// [`pool`](crate::PgEventStore::pool) makes for a query of your own may use the password of the store's last connection.
    ///
    /// ```
    /// use cqrs_postgres::PgConfig;
    ///
    /// # async fn token_of_the_cloud() -> Result<String, std::io::Error> { Ok("secret".to_owned()) }
    /// let config = PgConfig::new("postgres://shop@db.example.org/shop").password_from(token_of_the_cloud);
    /// # drop(config);
    /// ```
    #[must_use]
    pub fn password_from<E, F>(mut self, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        E: Into<BoxError>,
        F: Future<Output = Result<String, E>> + Send + 'static,
    {
        self.password = Some(PasswordSource::of(ask));
        self
    }

    /// Reads the password of each new connection from this file, without the end of the line. A password that is replaced in the
    /// file is used by the next connection. The file `~/.pgpass` and `PGPASSFILE` are read for each connection, too.
    #[must_use]
    pub fn password_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.password = Some(PasswordSource::file(path.into()));
        self
    }

    /// The schema that holds the store: 1 to 40 lower-case letters, digits and `_`, not beginning with a digit. Each
    /// schema of a database can hold one store.
    #[must_use]
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = name.into();
        self
    }

    /// How many connections to keep at most for reads of the log, documents and transactions; 10 by default. Beside them a
    /// store opens up to ten for appends and loads, as they are needed: four that never wait for a guard, four that do, one
    /// for batches of appends and one for batches of loads. One more is for the heartbeats of runners and relays.
    #[must_use]
    pub fn max_connections(mut self, connections: u32) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// How long to wait for a connection; 10 s by default.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.min(Duration::from_secs(86_400));
        self
    }

    /// How long a transaction may do nothing before the server ends it; 10 s by default. It bounds how long a runner that
    /// was stopped in the middle of a batch can hold up the one that takes over. The same time, but at least a second, is the limit
    /// for a client that does not read an answer (`tcp_user_timeout`). A Unix socket does not have that limit.
    #[must_use]
    pub fn idle_in_transaction_timeout(mut self, timeout: Duration) -> Self {
        // The server takes 0 for no limit, and at most 24 days.
        self.idle_in_transaction_timeout =
            timeout.clamp(Duration::from_millis(1), Duration::from_secs(86_400));
        self
    }

    /// How long a statement may take; 30 s by default. The server ends one that takes longer, also one of your own, in a
    /// transaction or over [`PgEventStore::pool`](crate::PgEventStore::pool). In a transaction, `set local statement_timeout`
    /// changes it for what follows. It never ends a commit: PostgreSQL disables it before, so no commit is cancelled halfway.
    ///
    /// For a statement of the store the client waits two seconds longer, or for an append the
    /// [`commit_timeout`](Self::commit_timeout): on a silent network a call fails and does not hang.
    #[must_use]
    pub fn statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout =
            timeout.clamp(Duration::from_millis(1), Duration::from_secs(86_400));
        self
    }

    /// How long to wait for the answer to a commit; 30 s by default. The commit may still happen later, so the error is of the
    /// kind [`OutcomeUnknown`](StoreErrorKind::OutcomeUnknown). A commit is never cancelled.
    #[must_use]
    pub fn commit_timeout(mut self, timeout: Duration) -> Self {
        self.commit_timeout = timeout.clamp(Duration::from_millis(1), Duration::from_secs(86_400));
        self
    }

    /// How long an idempotency key is remembered; seven days by default, a hundred years at most, and not at all when zero.
    #[must_use]
    pub fn idempotency_retention(mut self, retention: Duration) -> Self {
        // The server cannot subtract every interval from the current time.
        const CENTURY: Duration = Duration::from_secs(100 * 365 * 86_400);
        self.idempotency_retention = retention.min(CENTURY);
        self
    }

    /// After how long a warning says that an open transaction holds readers back, and which one; 5 s by default. The metric
    /// `cqrs.mark.held` shows at any time for how long it does.
    #[must_use]
    pub fn held_mark_threshold(mut self, threshold: Duration) -> Self {
        // Reports come at doubling times: with zero, each read would report.
        self.held_mark_threshold = threshold.max(Duration::from_millis(1));
        self
    }

    /// Sets the sizes that the store accepts. Give the same to every process that appends.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    pub(crate) fn size_limits(&self) -> Limits {
        self.limits
    }

    /// For how long a runner over the log keeps its partitions, and a relay its name, when its process is not heard of: killed,
    /// stopped or cut off; 15 s by default, a second at least. A process that ends gives them back at once. It must be longer than the
    /// [`idle_in_transaction_timeout`](Self::idle_in_transaction_timeout): until then the server keeps the locks of a batch whose
    /// process was stopped.
    #[must_use]
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease_times.lease = lease.clamp(Duration::from_secs(1), Duration::from_secs(86_400));
        self
    }

    /// For how long no process must have joined a subscription before partitions move to the newest one; 5 s by default. During a
    /// rolling deployment they do not move with each start.
    #[must_use]
    pub fn settle(mut self, settle: Duration) -> Self {
        self.lease_times.settle = settle.min(Duration::from_secs(86_400));
        self
    }

    pub(crate) fn lease_times(&self) -> LeaseTimes {
        self.lease_times
    }

    /// Refuses a lease that ends before the server frees the locks of a process that was stopped in a batch.
    pub(crate) fn check_lease(&self) -> Result<(), StoreError> {
        let lease = self.lease_times.lease;
        let idle = self.idle_in_transaction_timeout;
        if lease > idle {
            return Ok(());
        }
        let message = format!(
            "the lease of {lease:?} is not longer than idle_in_transaction_timeout ({idle:?}): another process would take a partition \
             over while the locks of a stopped one are kept; raise PgConfig::lease, or lower \
             PgConfig::idle_in_transaction_timeout"
        );
        Err(StoreError::new(StoreErrorKind::Misconfigured, message))
    }

    /// The name of the schema, if it is valid.
    pub(crate) fn checked_schema(&self) -> Result<&str, StoreError> {
        let name = self.schema.as_str();
        let shape = name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        let starts = name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
        if shape && starts && name.len() <= 40 {
            return Ok(name);
        }
        let message = format!(
            "schema {name:?} must be 1 to 40 lower-case letters, digits and `_`, not beginning with a digit"
        );
        Err(StoreError::new(StoreErrorKind::InvalidInput, message))
    }

    /// The servers of the URL.
    pub(crate) fn hosts(&self) -> Result<Hosts, StoreError> {
        let servers = Servers::new(&self.url, self.allow_plaintext, self.password.clone())?;
        Ok(Hosts::new(servers, self.connect_timeout))
    }

    pub(crate) fn pool_size(&self) -> u32 {
        self.max_connections
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.connect_timeout
    }

    pub(crate) fn idle_timeout(&self) -> Duration {
        self.idle_in_transaction_timeout
    }

    pub(crate) fn statement_limit(&self) -> Duration {
        self.statement_timeout
    }

    pub(crate) fn commit_limit(&self) -> Duration {
        self.commit_timeout
    }

    pub(crate) fn held_threshold(&self) -> Duration {
        self.held_mark_threshold
    }

    pub(crate) fn retention(&self) -> Duration {
        self.idempotency_retention
    }
}

/// Without the password. A URL that cannot be read is not shown, because any part of it may be one.
impl fmt::Debug for PgConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            url,
            allow_plaintext,
            password,
            schema,
            max_connections,
            connect_timeout,
            idle_in_transaction_timeout,
            statement_timeout,
            commit_timeout,
            idempotency_retention,
            held_mark_threshold,
            limits,
            lease_times,
        } = self;
        let url = match DatabaseUrl::new(url) {
            Ok(url) if url.options().is_ok() => url.to_string(),
            _ => "(cannot be read)".to_owned(),
        };
        f.debug_struct("PgConfig")
            .field("url", &url)
            .field("allow_plaintext", allow_plaintext)
            .field("password", password)
            .field("schema", schema)
            .field("max_connections", max_connections)
            .field("connect_timeout", connect_timeout)
            .field("idle_in_transaction_timeout", idle_in_transaction_timeout)
            .field("statement_timeout", statement_timeout)
            .field("commit_timeout", commit_timeout)
            .field("idempotency_retention", idempotency_retention)
            .field("held_mark_threshold", held_mark_threshold)
            .field("limits", limits)
            .field("lease_times", lease_times)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_that_would_need_quoting_are_rejected() {
        let checked = |name: &str| PgConfig::new("").schema(name).checked_schema().is_ok();
        assert!(
            ["cqrs", "shop_order", "_1", &"x".repeat(40)]
                .into_iter()
                .all(checked)
        );
        assert!(
            !["", "1a", "Shop", "a-b", "a\"b", "a.b", "ä", &"x".repeat(41)]
                .into_iter()
                .any(checked)
        );
    }

    #[test]
    fn connections_have_the_application_name_of_the_url() {
        let name_of = |url: &str| {
            let options = DatabaseUrl::new(url).and_then(|url| url.options());
            let options = options.expect("readable");
            options[0].get_application_name().map(ToOwned::to_owned)
        };
        let url = "postgres://localhost/shop";
        let otherwise = std::env::var("PGAPPNAME").unwrap_or_else(|_| "cqrs".to_owned());
        assert_eq!(name_of(url), Some(otherwise));
        let named = name_of(&format!("{url}?application_name=orders"));
        assert_eq!(named.as_deref(), Some("orders"));
    }
}
