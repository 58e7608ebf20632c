//! Holds guards of streams, and keeps transactions open that have an id and do nothing.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use sqlx::Connection;

use super::{PgMischief, session::Session};
use crate::{error::CheckError, names::StreamNumber, scene::Scene};

impl PgMischief {
    pub(super) async fn hold_guards(&self, scene: &Scene) -> Result<(), CheckError> {
        let Some(every) = self.plan.hold_guard_every else {
            return Ok(());
        };
        let mut session = self.session();
        loop {
            scene.pause(every).await;
            if scene.is_stopping() {
                return Ok(());
            }
            match self.hold_guard(&mut session, scene).await {
                Ok(()) => _ = self.done.guards_held.fetch_add(1, Relaxed),
                Err(error) => session.excuse(error)?,
            }
        }
    }

    /// Writers of that stream wait, or leave a batch of others.
    async fn hold_guard(&self, session: &mut Session, scene: &Scene) -> Result<(), sqlx::Error> {
        let stream = StreamNumber(fastrand::u32(..StreamNumber::HOT)).id();
        let mut transaction = session.get().await?.begin().await?;
        sqlx::query("set local lock_timeout = '2s'")
            .execute(&mut *transaction)
            .await?;
        sqlx::query(self.sql("select pg_advisory_xact_lock(__schema__.stream_guard($1, $2))"))
            .bind(stream.category().as_str())
            .bind(stream.id())
            .execute(&mut *transaction)
            .await?;
        scene.let_others_pass(100, Duration::from_millis(300)).await;
        transaction.rollback().await
    }

    pub(super) async fn grow_old(&self, scene: &Scene) -> Result<(), CheckError> {
        let mut session = self.session();
        while self.plan.old_transactions && !scene.is_stopping() {
            match old_transaction(&mut session, scene).await {
                Ok(()) => _ = self.done.old_transactions.fetch_add(1, Relaxed),
                Err(error) => session.excuse(error)?,
            }
            scene.pause(Duration::from_millis(500)).await;
        }
        Ok(())
    }
}

/// Whoever orders by transaction ids waits for this one.
async fn old_transaction(session: &mut Session, scene: &Scene) -> Result<(), sqlx::Error> {
    let mut transaction = session.get().await?.begin().await?;
    sqlx::query("select pg_current_xact_id()")
        .execute(&mut *transaction)
        .await?;
    scene
        .pause(Duration::from_millis(fastrand::u64(1_000..8_000)))
        .await;
    transaction.rollback().await
}
