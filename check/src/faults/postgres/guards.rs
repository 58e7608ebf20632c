//! Holds guards of streams, and keeps idle transactions with an id open.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use sqlx::Connection;

use super::{PgFaults, session::Session};
use crate::{error::CheckError, ids::StreamNumber, run_state::RunState};

impl PgFaults {
    pub(super) async fn hold_guards(&self, state: &RunState) -> Result<(), CheckError> {
        let Some(every) = self.plan.hold_guard_every else {
            return Ok(());
        };
        let mut session = self.session();
        loop {
            state.sleep(every).await;
            if state.is_stopping() {
                return Ok(());
            }
            match self.hold_guard(&mut session, state).await {
                Ok(()) => _ = self.injected.guards_held.fetch_add(1, Relaxed),
                Err(error) => session.tolerate(error)?,
            }
        }
    }

    /// Makes appends to the stream wait, or leave their batch.
    async fn hold_guard(&self, session: &mut Session, state: &RunState) -> Result<(), sqlx::Error> {
        let stream = StreamNumber(fastrand::u32(..StreamNumber::HOT)).id();
        let mut transaction = session.connection().await?.begin().await?;
        sqlx::query("set local lock_timeout = '2s'")
            .execute(&mut *transaction)
            .await?;
        sqlx::query(self.sql("select pg_advisory_xact_lock(__schema__.stream_guard($1, $2))"))
            .bind(stream.category().as_str())
            .bind(stream.id())
            .execute(&mut *transaction)
            .await?;
        state
            .wait_for_commits(100, Duration::from_millis(300))
            .await;
        transaction.rollback().await
    }

    pub(super) async fn keep_old_transactions(&self, state: &RunState) -> Result<(), CheckError> {
        let mut session = self.session();
        while self.plan.old_transactions && !state.is_stopping() {
            match keep_old_transaction(&mut session, state).await {
                Ok(()) => _ = self.injected.old_transactions.fetch_add(1, Relaxed),
                Err(error) => session.tolerate(error)?,
            }
            state.sleep(Duration::from_millis(500)).await;
        }
        Ok(())
    }
}

/// A store that orders events by transaction ids would wait for this transaction.
async fn keep_old_transaction(session: &mut Session, state: &RunState) -> Result<(), sqlx::Error> {
    let mut transaction = session.connection().await?.begin().await?;
    sqlx::query("select pg_current_xact_id()")
        .execute(&mut *transaction)
        .await?;
    state
        .sleep(Duration::from_millis(fastrand::u64(1_000..8_000)))
        .await;
    transaction.rollback().await
}
