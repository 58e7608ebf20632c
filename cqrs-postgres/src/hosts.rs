//! The server of a store: connects to it, and says why there is no connection.

use std::{fmt, time::Duration};

use cqrs_core::{StoreError, StoreErrorKind, ports::BoxError};
use sqlx::{Connection, Error, PgConnection, postgres::PgConnectOptions};
use tokio::{sync::Mutex, time::Instant};

use crate::{error::statement, schema, time_limit::within};

/// The settings of a session.
pub(crate) type Settings = Vec<(&'static str, String)>;

/// The server of a store.
pub(crate) struct Hosts {
    options: PgConnectOptions,
    limit: Duration,
    /// When somebody last looked, and what was found.
    looked: Mutex<Option<(Instant, Result<(), StoreError>)>>,
    /// Since when sessions are probably able to write, if one was found that was not.
    outdated: std::sync::Mutex<Option<Instant>>,
}

/// Callers without a connection do not make more of them than one in this time.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long looking takes at most, after the caller has already waited for a connection.
const LOOK_LIMIT: Duration = Duration::from_secs(2);

const NEVER_POISONED: &str = "no call panics while it holds the lock";

impl Hosts {
    /// `limit` bounds the time for a new connection.
    pub(crate) fn new(options: PgConnectOptions, limit: Duration) -> Self {
        Self {
            options,
            limit,
            looked: Mutex::default(),
            outdated: std::sync::Mutex::default(),
        }
    }

    /// What a pool needs to connect.
    pub(crate) fn options(&self, settings: &Settings) -> PgConnectOptions {
        self.options.clone().options(settings.iter().cloned())
    }

    /// A new connection, whose session has these settings.
    pub(crate) async fn connect(&self, settings: &Settings) -> Result<PgConnection, StoreError> {
        self.connect_within(self.limit, settings).await
    }

    async fn connect_within(
        &self,
        limit: Duration,
        settings: &Settings,
    ) -> Result<PgConnection, StoreError> {
        let options = self.options(settings);
        let connecting = within(limit, PgConnection::connect_with(&options)).await;
        connecting.map_err(|error| self.not_connected(error))
    }

    /// Why a connection could not be made.
    pub(crate) fn not_connected(&self, error: Error) -> StoreError {
        match error {
            Error::Io(error) => self.unreachable(error),
            error => statement(error),
        }
    }

    /// The server does not answer.
    pub(crate) fn unreachable(&self, why: impl Into<BoxError>) -> StoreError {
        let (host, port) = (self.options.get_host(), self.options.get_port());
        let message = format!(
            "PostgreSQL at {host}:{port} cannot be reached; is it up, and is the address right?"
        );
        StoreError::new(StoreErrorKind::Unavailable, message).caused_by(why)
    }

    /// A session can only read: it leads to a standby, or to a server that was a primary before. So do probably all that were made
    /// until now, and no pool hands them out any more.
    pub(crate) fn outdate_connections(&self) {
        *self.outdated.lock().expect(NEVER_POISONED) = Some(Instant::now());
    }

    /// Whether a connection that was made at this time is outdated.
    pub(crate) fn is_outdated(&self, made: Instant) -> bool {
        let outdated = *self.outdated.lock().expect(NEVER_POISONED);
        outdated.is_some_and(|until| made <= until)
    }

    /// Why a pool had no connection in time. It does not say whether all are in use or none can be made, so one is tried.
    pub(crate) async fn why_none(&self, all_in_use: String) -> StoreError {
        let full = || StoreError::new(StoreErrorKind::Unavailable, all_in_use);
        self.look().await.err().unwrap_or_else(full)
    }

    /// Whether a connection can be made now.
    async fn look(&self) -> Result<(), StoreError> {
        let mut looked = self.looked.lock().await;
        if let Some((when, found)) = &*looked
            && when.elapsed() < LOOK_EVERY
        {
            return found.clone();
        }
        let limit = LOOK_LIMIT.min(self.limit);
        let found = match self.connect_within(limit, &Settings::new()).await {
            Ok(connection) => {
                schema::close(connection).await;
                Ok(())
            }
            Err(error) => Err(error),
        };
        *looked = Some((Instant::now(), found.clone()));
        found
    }
}

/// Without the password, which sqlx's options would show.
impl fmt::Debug for Hosts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hosts")
            .field("host", &self.options.get_host())
            .field("port", &self.options.get_port())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_debug_text_has_no_password() {
        let options = PgConnectOptions::new_without_pgpass().password("s3cret");
        let shown = format!("{:?}", Hosts::new(options, Duration::ZERO));
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
