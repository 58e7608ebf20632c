//! The schema of a run: created for it and dropped after it, or an empty store that existed before.

use std::time::Duration;

use cqrs_postgres::{PgConfig, PgEventStore, store_error};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use crate::error::CheckError;

/// The server ends a transaction that is idle for longer, as some slow writers are.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3);

/// The schema of a run.
#[derive(Debug)]
pub struct CheckSchema {
    url: String,
    name: String,
    /// Whether this run created it.
    is_new: bool,
}

impl CheckSchema {
    /// Installs a store in a new schema, with this name or a random one. A schema that exists must hold a store without
    /// events.
    ///
    /// # Errors
    /// When the database cannot be reached, or the schema holds anything else.
    pub async fn open(url: &str, name: Option<String>) -> Result<Self, CheckError> {
        let name = name.unwrap_or_else(|| format!("check_{}", Uuid::now_v7().simple()));
        let mut connection = PgConnection::connect(url).await?;
        let exists: bool =
            sqlx::query_scalar("select to_regnamespace(quote_ident($1)) is not null")
                .bind(&name)
                .fetch_one(&mut connection)
                .await?;
        let schema = Self {
            url: url.to_owned(),
            name,
            is_new: !exists,
        };
        if schema.is_new {
            PgEventStore::install(&schema.config(1)).await?;
        } else {
            schema.store(1).await?.close().await;
            schema.check_empty(&mut connection).await?;
        }
        connection.close().await?;
        Ok(schema)
    }

    /// The name of the schema.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The store in the schema.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn store(&self, connections: u32) -> Result<PgEventStore, CheckError> {
        Ok(PgEventStore::connect(&self.config(connections)).await?)
    }

    /// Drops the schema, if this run created it.
    ///
    /// # Errors
    /// When the database cannot be reached.
    pub async fn drop(self) -> Result<(), CheckError> {
        if self.is_new {
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
            .idle_in_transaction_timeout(IDLE_TIMEOUT)
    }

    async fn check_empty(&self, connection: &mut PgConnection) -> Result<(), CheckError> {
        let name = &self.name;
        let sql = format!("select not exists (select from \"{name}\".events)");
        let is_empty = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(connection)
            .await;
        if is_empty.map_err(store_error)? {
            return Ok(());
        }
        let message = format!(
            "schema {name:?} has events already; name a new schema, or one whose store is still empty"
        );
        Err(CheckError::Options(message))
    }
}
