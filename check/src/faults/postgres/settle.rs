//! Waits until the server has finished the calls that callers have abandoned.

use std::time::Duration;

use super::{
    PgFaults,
    session::{NAME, Session},
};
use crate::error::CheckError;

/// Counts fences and guards that are held, also by prepared transactions, and running appends.
const COUNT_RUNNING: &str = "
    select (select count(*) from pg_locks
            where locktype = 'advisory' and objsubid = 1
              and database = (select oid from pg_database where datname = current_database())
              and classid::bigint >> 16 in (__schema__.fence_tag(), __schema__.fence_tag() + 32767))
         + (select count(*) from pg_stat_activity
            where datname = current_database() and application_name <> $1 and state <> 'idle'
              and position('__schema__.append' in query) > 0)";

const TIMEOUT: Duration = Duration::from_secs(60);
const INTERVAL: Duration = Duration::from_millis(100);

/// How many checks in a row must find nothing: a statement may still be in a socket, where the server does not see it.
const QUIET_CHECKS: u32 = 5;

impl PgFaults {
    pub(super) async fn wait_until_settled(&self) -> Result<(), CheckError> {
        let mut session = self.session();
        let mut quiet = 0;
        let mut running = 0;
        let started = tokio::time::Instant::now();
        while quiet < QUIET_CHECKS {
            if started.elapsed() > TIMEOUT {
                return Err(CheckError::Unsettled {
                    running,
                    waited: TIMEOUT,
                });
            }
            match self.count_running(&mut session).await {
                Ok(count) => running = count,
                Err(error) => {
                    session.tolerate(error)?;
                    running = -1;
                }
            }
            quiet = if running == 0 { quiet + 1 } else { 0 };
            tokio::time::sleep(INTERVAL).await;
        }
        Ok(())
    }

    async fn count_running(&self, session: &mut Session) -> Result<i64, sqlx::Error> {
        let count = sqlx::query_scalar(self.sql(COUNT_RUNNING)).bind(NAME);
        count.fetch_one(session.connection().await?).await
    }
}
