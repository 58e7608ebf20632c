//! Decides where an append goes: straight to the server if no other is in flight, to the writer otherwise.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use cqrs_core::{
    StoreError, StoreErrorKind,
    ports::{AppendError, Appended, Appends},
};
use tokio::sync::oneshot;

use super::{
    guard_queue::GuardWait,
    job::AppendJob,
    keys,
    single::{Attempt, Single},
    writer,
};
use crate::{
    batching::{in_flight::InFlight, lazy_task::LazyTask},
    connect::backend::Backend,
};

/// An append of more events than this is a batch by itself.
const LARGE: usize = 500;

/// The appends of one process to a store.
#[derive(Debug)]
pub(crate) struct Appender {
    single: Arc<Single>,
    in_flight: Arc<InFlight>,
    writer: LazyTask<AppendJob>,
    /// When old keys were last forgotten.
    keys_forgotten_at: Mutex<Option<Instant>>,
}

impl Appender {
    pub(crate) fn new(backend: Arc<Backend>) -> Self {
        Self {
            single: Arc::new(Single::new(backend)),
            in_flight: Arc::default(),
            writer: LazyTask::default(),
            keys_forgotten_at: Mutex::new(None),
        }
    }

    /// Appends and commits.
    pub(crate) async fn append(&self, appends: Appends) -> Result<Vec<Appended>, AppendError> {
        if appends.idempotency.is_some() {
            self.forget_old_keys();
        }
        let events = appends.streams.iter().map(|append| append.events.len());
        let large = events.sum::<usize>() > LARGE;
        let entered = self.in_flight.enter();
        let at_once = if entered.alone || large {
            // Boxed, so that an append in a batch has a small future.
            let append = self.single.append(&appends, GuardWait::Try);
            Some(Box::pin(append).await?)
        } else {
            None
        };
        let (answer, verdict) = oneshot::channel();
        let job = AppendJob { appends, answer };
        match at_once {
            Some(Attempt::Appended(appended)) => return Ok(appended),
            Some(Attempt::Busy(held)) => self.single.spawn(job, Some(held)),
            None => {
                let start = |jobs| self.start_writer(jobs);
                self.writer.send(job, start).await?;
            }
        }
        verdict.await.map_err(|_| writer_gone())?
    }

    fn start_writer(
        &self,
        jobs: tokio::sync::mpsc::Receiver<AppendJob>,
    ) -> tokio::task::JoinHandle<()> {
        let single = Arc::clone(&self.single);
        let in_flight = Arc::clone(&self.in_flight);
        tokio::spawn(writer::run(single, in_flight, jobs))
    }

    /// Waits until the writer has done every job of its queue.
    pub(crate) async fn close(&self) {
        self.writer.close().await;
    }

    /// Forgets old keys from time to time, in the background.
    fn forget_old_keys(&self) {
        let backend = Arc::clone(&self.single.backend);
        let pause =
            (backend.retention / 10).clamp(Duration::from_secs(60), Duration::from_secs(3_600));
        let mut forgotten_at = self
            .keys_forgotten_at
            .lock()
            .expect("no call panics while it holds the lock");
        if forgotten_at.is_some_and(|at| at.elapsed() < pause) {
            return;
        }
        *forgotten_at = Some(Instant::now());
        tokio::spawn(async move {
            if let Err(error) = keys::forget(&backend).await {
                tracing::warn!(%error, "old idempotency keys were not forgotten; they will be later");
            }
        });
    }
}

fn writer_gone() -> StoreError {
    let message = "the writer stopped before it answered, so the append may or may not have happened; read before you go \
                   on";
    StoreError::new(StoreErrorKind::OutcomeUnknown, message)
}
