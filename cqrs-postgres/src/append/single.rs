//! An append by itself: at once if none of its guards is held, otherwise in a task of its own.
//!
//! **Invariant**: an append that waits for a guard holds none meanwhile. When it has that guard it tries the others, and if one
//! of them is held it releases all and waits for that one next. So no append waits for one that waits, and there is no deadlock.
//! Transactions in the same queue may still deadlock, and PostgreSQL may end the append's statement: then the append waits again.
//!
//! Source: Howard Hinnant, "Dining Philosophers Rebooted", the algorithm "smart & polite";
//! <https://howardhinnant.github.io/dining_philosophers.html>.

use std::{sync::Arc, time::Instant};

use cqrs_core::{
    StoreError, StoreErrorKind,
    ports::{AppendError, Appended, Appends},
};

use super::{
    call,
    guard_queue::{GuardKey, GuardQueues, GuardWait},
    job::AppendJob,
    keys,
    verdict::Verdict,
};
use crate::{
    connect::backend::Backend,
    error::{commit, is_deadlock},
    time_limit::within,
};

/// Makes appends by themselves.
#[derive(Debug)]
pub(super) struct Single {
    pub(super) backend: Arc<Backend>,
    queues: GuardQueues,
}

/// What came of an append that the store accepted.
pub(super) enum Attempt {
    Appended(Vec<Appended>),
    /// Another transaction holds this guard. Nothing was appended.
    Busy(GuardKey),
}

impl Single {
    pub(super) fn new(backend: Arc<Backend>) -> Self {
        Self {
            backend,
            queues: GuardQueues::default(),
        }
    }

    /// Appends and commits, or returns the guard that is held.
    pub(super) async fn append(
        &self,
        appends: &Appends,
        wait: GuardWait<'_>,
    ) -> Result<Attempt, AppendError> {
        let backend = &*self.backend;
        let pool = match wait {
            GuardWait::Try => &backend.pools.quick,
            GuardWait::For(_) | GuardWait::All => &backend.pools.waiting,
        };
        let mut connection = pool.get().await?;
        let sent = call::send_one(backend, &mut connection, appends, wait);
        let verdict = match (within(backend.append_limit(), sent).await, wait) {
            (Err(error), GuardWait::For(key)) if is_deadlock(&error) => {
                Ok(Verdict::Busy(key.clone()))
            }
            (verdict, _) => verdict,
        };
        match connection.note(verdict).map_err(commit)? {
            Verdict::Appended(appended) => {
                backend.appended.notify_waiters();
                Ok(Attempt::Appended(appended))
            }
            Verdict::Rejected(rejected) => Err(rejected),
            Verdict::Repeat => keys::read_outcome(backend, &mut connection, appends)
                .await
                .map(Attempt::Appended),
            Verdict::Busy(key) => Ok(Attempt::Busy(key)),
        }
    }

    /// Appends and commits in a task of its own, so that the caller may go. Waits for the guard that was held, if any.
    pub(super) fn spawn(self: &Arc<Self>, job: AppendJob, held: Option<GuardKey>) {
        let single = Arc::clone(self);
        tokio::spawn(async move {
            // If the caller is gone, nothing was sent yet.
            if !job.answer.is_closed() {
                let outcome = single.append_within_limit(&job.appends, held).await;
                drop(job.answer.send(outcome));
            }
        });
    }

    async fn append_within_limit(
        &self,
        appends: &Appends,
        mut held: Option<GuardKey>,
    ) -> Result<Vec<Appended>, AppendError> {
        let begun = Instant::now();
        loop {
            let outcome = match &held {
                None => self.append(appends, GuardWait::Try).await?,
                Some(_) if begun.elapsed() > self.backend.append_limit() => {
                    return Err(always_busy("other transactions held its streams or key").into());
                }
                Some(key) => self.append_after(appends, key).await?,
            };
            match outcome {
                Attempt::Appended(appended) => return Ok(appended),
                Attempt::Busy(key) => held = Some(key),
            }
        }
    }

    /// Waits for this guard first.
    async fn append_after(
        &self,
        appends: &Appends,
        key: &GuardKey,
    ) -> Result<Attempt, AppendError> {
        let limit = self.backend.pools.waiting.timeout();
        let in_queue = tokio::time::timeout(limit, self.queues.wait(key.clone()));
        let Ok(_first) = in_queue.await else {
            return Err(always_busy("it waited for appends to the same stream or key").into());
        };
        self.append(appends, GuardWait::For(key)).await
    }
}

fn always_busy(why: &str) -> StoreError {
    let message = format!(
        "{why} for too long; nothing was written. Try again, and end transactions sooner after an append"
    );
    StoreError::new(StoreErrorKind::Unavailable, message)
}
