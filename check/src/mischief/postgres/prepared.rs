//! Transactions that are prepared and ended later, by another session: they keep their fence through a crash of the server.

use std::time::Duration;

use cqrs_core::StoreError;
use cqrs_postgres::{PgTransaction, store_error};
use sqlx::{AssertSqlSafe, Executor};
use tokio::time::{Instant, sleep};

use super::PgMischief;

/// So long a server may be away.
const PATIENCE: Duration = Duration::from_secs(180);
const TICK: Duration = Duration::from_millis(200);

/// There is no prepared transaction of this name: it was ended, and the answer was lost.
const UNDEFINED_OBJECT: &str = "42704";

impl PgMischief {
    pub(super) async fn lay_aside(
        &self,
        mut transaction: PgTransaction,
        name: &str,
    ) -> Result<Option<PgTransaction>, StoreError> {
        if !self.plan.prepared {
            return Ok(Some(transaction));
        }
        let prepare = AssertSqlSafe(format!("prepare transaction '{name}'"));
        let prepared = transaction.execute(prepare).await;
        // The transaction is no longer this session's; a rollback would find none.
        prepared.map(|_| None).map_err(store_error)
    }

    /// Tries until the server has answered.
    pub(super) async fn end(&self, name: &str, commit: bool) -> Result<(), StoreError> {
        let verb = if commit { "commit" } else { "rollback" };
        let sql = format!("{verb} prepared '{name}'");
        let (mut session, begun) = (self.session(), Instant::now());
        loop {
            let ended = match session.get().await {
                Ok(connection) => connection.execute(AssertSqlSafe(sql.clone())).await,
                Err(error) => Err(error),
            };
            let Err(error) = ended else {
                return Ok(());
            };
            if error
                .as_database_error()
                .and_then(|error| error.code())
                .as_deref()
                == Some(UNDEFINED_OBJECT)
            {
                return Ok(());
            }
            let error = store_error(error);
            if !error.is_retryable() || begun.elapsed() > PATIENCE {
                return Err(error);
            }
            session.lose();
            sleep(TICK).await;
        }
    }
}
