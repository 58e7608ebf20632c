//! Prepared transactions, which another session ends later. They keep their fence through a crash of the server.

use std::time::Duration;

use cqrs_core::StoreError;
use cqrs_postgres::{PgTransaction, store_error};
use sqlx::{AssertSqlSafe, Executor};
use tokio::time::{Instant, sleep};

use super::{super::PreparedEnd, PgFaults};

/// How long a server may be down.
const TIMEOUT: Duration = Duration::from_secs(180);
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// There is no prepared transaction with this name: an earlier attempt ended it, and its answer was lost.
const UNDEFINED_OBJECT: &str = "42704";

impl PgFaults {
    pub(super) async fn prepare_transaction(
        &self,
        mut transaction: PgTransaction,
        name: &str,
    ) -> Result<Option<PgTransaction>, StoreError> {
        if !self.plan.prepared {
            return Ok(Some(transaction));
        }
        let prepare = AssertSqlSafe(format!("prepare transaction '{name}'"));
        let prepared = transaction.execute(prepare).await;
        // The session has no transaction any more, so there is nothing to roll back.
        prepared.map(|_| None).map_err(store_error)
    }

    /// Retries until the server has responded.
    pub(super) async fn end_prepared_transaction(
        &self,
        name: &str,
        end: PreparedEnd,
    ) -> Result<(), StoreError> {
        let sql = match end {
            PreparedEnd::Commit => format!("commit prepared '{name}'"),
            PreparedEnd::Rollback => format!("rollback prepared '{name}'"),
        };
        let mut session = self.session();
        let started = Instant::now();
        loop {
            let ended = match session.connection().await {
                Ok(connection) => connection.execute(AssertSqlSafe(sql.clone())).await,
                Err(error) => Err(error),
            };
            let Err(error) = ended else {
                return Ok(());
            };
            let code = error.as_database_error().and_then(|error| error.code());
            if code.as_deref() == Some(UNDEFINED_OBJECT) {
                return Ok(());
            }
            let error = store_error(error);
            if !error.is_retryable() || started.elapsed() > TIMEOUT {
                return Err(error);
            }
            session.disconnect();
            sleep(RETRY_INTERVAL).await;
        }
    }
}
