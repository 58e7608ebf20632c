//! A connection of the checker that is opened again after it was lost.

use cqrs_postgres::store_error;
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

use crate::error::CheckError;

/// The application name of the checker's connections.
pub(crate) const NAME: &str = "cqrs-check";

pub(super) struct Session {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
}

impl Session {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        Self {
            options,
            connection: None,
        }
    }

    /// Returns the connection, and opens it if there is none.
    pub(super) async fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => PgConnection::connect_with(&self.options).await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// Drops the connection.
    pub(super) fn disconnect(&mut self) {
        self.connection = None;
    }

    /// Drops the connection after an error. An error that a crash of the server explains is ignored.
    pub(super) fn tolerate(&mut self, error: sqlx::Error) -> Result<(), CheckError> {
        self.disconnect();
        let error = store_error(error);
        if error.is_retryable() {
            Ok(())
        } else {
            Err(error.into())
        }
    }
}
