//! A connection of the checker's own, made anew when it was lost.

use cqrs_postgres::store_error;
use sqlx::{Connection, PgConnection, postgres::PgConnectOptions};

use crate::error::CheckError;

/// The name by which the server shows the checker's own connections.
pub(super) const NAME: &str = "cqrs-check";

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

    pub(super) async fn get(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => PgConnection::connect_with(&self.options).await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// The next one is made anew.
    pub(super) fn lose(&mut self) {
        self.connection = None;
    }

    /// Drops the connection after an error. What a crash of the server explains passes; anything else goes on.
    pub(super) fn excuse(&mut self, error: sqlx::Error) -> Result<(), CheckError> {
        self.lose();
        let error = store_error(error);
        if error.is_retryable() {
            Ok(())
        } else {
            Err(error.into())
        }
    }
}
