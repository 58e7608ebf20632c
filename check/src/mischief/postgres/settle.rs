//! Waits until the server has ended what its callers have given up.

use std::time::Duration;

use super::{
    PgMischief,
    session::{NAME, Session},
};
use crate::error::CheckError;

/// Fences and guards that are held, also by prepared transactions, and appends under way.
const AT_WORK: &str = "
    select (select count(*) from pg_locks
            where locktype = 'advisory' and objsubid = 1
              and database = (select oid from pg_database where datname = current_database())
              and classid::bigint >> 16 in (__schema__.fence_tag(), __schema__.fence_tag() + 32767))
         + (select count(*) from pg_stat_activity
            where datname = current_database() and application_name <> $1 and state <> 'idle'
              and position('__schema__.append' in query) > 0)";

const PATIENCE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_millis(100);

/// So often in a row nobody must be at work: a statement may lie in a socket, read by nobody yet.
const QUIET_TICKS: u32 = 5;

impl PgMischief {
    pub(super) async fn wait_until_settled(&self) -> Result<(), CheckError> {
        let mut session = self.session();
        let (mut quiet, mut sessions) = (0, 0);
        let begun = tokio::time::Instant::now();
        while quiet < QUIET_TICKS {
            if begun.elapsed() > PATIENCE {
                return Err(CheckError::Unsettled {
                    sessions,
                    waited: PATIENCE,
                });
            }
            match self.at_work(&mut session).await {
                Ok(count) => sessions = count,
                Err(error) => {
                    session.excuse(error)?;
                    sessions = -1;
                }
            }
            quiet = if sessions == 0 { quiet + 1 } else { 0 };
            tokio::time::sleep(TICK).await;
        }
        Ok(())
    }

    async fn at_work(&self, session: &mut Session) -> Result<i64, sqlx::Error> {
        let count = sqlx::query_scalar(self.sql(AT_WORK)).bind(NAME);
        count.fetch_one(session.get().await?).await
    }
}
