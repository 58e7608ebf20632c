//! A schema for a run: made for it and dropped after it, or an empty store that was there before.

use cqrs_postgres::{PgConfig, PgEventStore, store_error};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use std::time::Duration;
use uuid::Uuid;

use crate::error::CheckError;

/// A transaction that does nothing is ended by the server after this time. Some of the sitters are.
const IDLE: Duration = Duration::from_secs(3);

/// The schema of a run.
#[derive(Debug)]
pub struct CheckSchema {
    url: String,
    name: String,
    /// It was not there before.
    made: bool,
}

impl CheckSchema {
    /// Installs a store in a schema that nobody uses: this one, or one with a name by chance. A schema that is there
    /// already must hold a store without events.
    ///
    /// # Errors
    /// When the database cannot be reached, or the schema holds anything else.
    pub async fn open(url: &str, name: Option<String>) -> Result<Self, CheckError> {
        let name = name.unwrap_or_else(|| format!("check_{}", Uuid::now_v7().simple()));
        let mut connection = PgConnection::connect(url).await?;
        let exists =
            sqlx::query_scalar("select to_regnamespace(quote_ident($1)) is not null").bind(&name);
        let exists: bool = exists.fetch_one(&mut connection).await?;
        let schema = Self {
            url: url.to_owned(),
            name,
            made: !exists,
        };
        if schema.made {
            PgEventStore::install(&schema.config(1)).await?;
        } else {
            schema.store(1).await?.close().await;
            schema.must_be_empty(&mut connection).await?;
        }
        connection.close().await?;
        Ok(schema)
    }

    /// The schema's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The store in it.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn store(&self, connections: u32) -> Result<PgEventStore, CheckError> {
        Ok(PgEventStore::connect(&self.config(connections)).await?)
    }

    /// Drops the schema, if it was made for this run.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn drop(self) -> Result<(), CheckError> {
        if self.made {
            let mut connection = PgConnection::connect(&self.url).await?;
            let drop = AssertSqlSafe(format!("drop schema \"{}\" cascade", self.name));
            sqlx::raw_sql(drop).execute(&mut connection).await?;
            connection.close().await?;
        }
        Ok(())
    }

    fn config(&self, connections: u32) -> PgConfig {
        PgConfig::new(&self.url)
            .schema(&self.name)
            .max_connections(connections)
            .idle_in_transaction_timeout(IDLE)
    }

    async fn must_be_empty(&self, connection: &mut PgConnection) -> Result<(), CheckError> {
        let empty = AssertSqlSafe(format!(
            "select not exists (select from \"{}\".events)",
            self.name
        ));
        let empty = sqlx::query_scalar(empty).fetch_one(connection).await;
        if empty.map_err(store_error)? {
            return Ok(());
        }
        let message = format!(
            "schema {:?} has events already; name one that does not exist, or one whose store is still empty",
            self.name
        );
        Err(CheckError::Options(message))
    }
}
