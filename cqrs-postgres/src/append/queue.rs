//! Where an append goes: alone if nobody else is at it, to the writer if others are.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use cqrs_core::{AppendError as WriteError, Appended, Appends, StoreError, StoreErrorKind};
use tokio::sync::oneshot;

use super::{
    alone::{append_at_once, append_in_own_time},
    job::Job,
    keys, writer,
    writing::Writing,
};
use crate::together::{Crowd, Desk};

/// An append of more events than this is a batch by itself.
const LARGE: usize = 500;

/// The appends of one process to a store.
#[derive(Debug)]
pub(crate) struct Appender {
    writing: Arc<Writing>,
    crowd: Arc<Crowd>,
    writer: Desk<Job>,
    forgotten: Mutex<Option<Instant>>,
}

impl Appender {
    pub(crate) fn new(writing: Writing) -> Self {
        Self {
            writing: Arc::new(writing),
            crowd: Arc::default(),
            writer: Desk::default(),
            forgotten: Mutex::new(None),
        }
    }

    pub(crate) fn writing(&self) -> &Arc<Writing> {
        &self.writing
    }

    /// Appends and commits.
    pub(crate) async fn append(&self, appends: Appends) -> Result<Vec<Appended>, WriteError> {
        appends.check()?;
        if appends.streams.is_empty() {
            return Ok(Vec::new());
        }
        if appends.idempotency.is_some() {
            self.forget_old_keys();
        }
        let events = appends.streams.iter().map(|append| append.events.len());
        let (joined, large) = (self.crowd.join(), events.sum::<usize>() > LARGE);
        let by_itself = if joined.alone || large {
            // Boxed, so that whoever goes with others does not carry the room for this.
            Some(Box::pin(append_at_once(&self.writing, &appends)).await?)
        } else {
            None
        };
        let (answer, verdict) = oneshot::channel();
        let job = Job { appends, answer };
        match by_itself {
            Some(Ok(appended)) => return Ok(appended),
            Some(Err(held)) => append_in_own_time(&self.writing, job, Some(held)),
            None => {
                let start = |jobs| {
                    tokio::spawn(writer::run(
                        Arc::clone(&self.writing),
                        Arc::clone(&self.crowd),
                        jobs,
                    ))
                };
                self.writer.send(job, start).await?;
            }
        }
        verdict.await.map_err(|_| writer_gone())?
    }

    /// Ends when what was asked for is done.
    pub(crate) async fn close(&self) {
        self.writer.close().await;
        self.writing.lines.close().await;
    }

    /// Forgets old keys, from time to time and beside everything else.
    fn forget_old_keys(&self) {
        let pause = (self.writing.retention / 10)
            .clamp(Duration::from_secs(60), Duration::from_secs(3_600));
        let mut forgotten = self
            .forgotten
            .lock()
            .expect("no call panics while it holds the lock");
        if forgotten.is_some_and(|at| at.elapsed() < pause) {
            return;
        }
        *forgotten = Some(Instant::now());
        let writing = Arc::clone(&self.writing);
        tokio::spawn(async move {
            if let Err(error) = keys::forget(&writing).await {
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
