//! Ends connections of the store.

use std::sync::atomic::Ordering::Relaxed;

use super::{
    PgFaults,
    session::{NAME, Session},
};
use crate::{error::CheckError, run_state::RunState};

/// Ends one session of this database whose last statement names the schema, or that holds a fence or a guard of its store.
/// Sessions of other stores and of the checker do not match.
const KILL_ONE: &str = "
    select count(pg_terminate_backend(pid)) from (
        select pid from pg_stat_activity a
        where datname = current_database() and pid <> pg_backend_pid() and application_name <> $1
          and (position('__schema__.' in query) > 0
               or exists (select from pg_locks l
                          where l.pid = a.pid and locktype = 'advisory' and objsubid = 1
                            and classid::bigint >> 16 in (__schema__.fence_tag(), __schema__.fence_tag() + 32767)))
        order by random() limit 1
    ) as victim";

impl PgFaults {
    pub(super) async fn kill(&self, state: &RunState) -> Result<(), CheckError> {
        let Some(every) = self.plan.kill_every else {
            return Ok(());
        };
        let mut session = self.session();
        loop {
            state.sleep(every).await;
            if state.is_stopping() {
                return Ok(());
            }
            match self.kill_one(&mut session).await {
                Ok(killed) => {
                    let killed = killed.unsigned_abs();
                    self.injected.killed.fetch_add(killed, Relaxed);
                }
                Err(error) => session.tolerate(error)?,
            }
        }
    }

    async fn kill_one(&self, session: &mut Session) -> Result<i64, sqlx::Error> {
        let kill = sqlx::query_scalar(self.sql(KILL_ONE)).bind(NAME);
        kill.fetch_one(session.connection().await?).await
    }
}
