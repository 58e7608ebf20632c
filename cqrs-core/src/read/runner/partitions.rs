//! The loop of a runner: prepares the store, then starts a worker for each partition that the source assigns.

use std::sync::Arc;

use async_trait::async_trait;

use super::{
    Runner, attempt::AttemptError, error::RunnerErrorKind, failed::Failed, tally::Tally,
    worker::Worker,
};
use crate::{
    ports::{Checkpoints, Inbox, Parking, Source},
    read::handler::Handler,
    run_loop::{LoopName, Retries, Work, Workers},
};

pub(super) struct Partitions<S, H, R> {
    runner: Runner<S, H, R>,
    retries: Retries,
    tally: Arc<Tally>,
    /// Whether the handler has prepared the store.
    prepared: bool,
    stopping: bool,
    failed: Failed,
}

impl<S: Checkpoints + Inbox + Parking, H: Handler<S>, R: Source> Partitions<S, H, R> {
    pub(super) fn new(runner: Runner<S, H, R>) -> Self {
        let name = LoopName::Subscription(runner.handler.subscription().to_owned());
        let retries = Retries::new(name, None, runner.reporter.clone());
        let retries = retries.waits(runner.policy.retry);
        let handler = &runner.handler;
        // The constructor of the runner has checked that the handler has a list.
        let reads = handler.reads().unwrap_or_default();
        let tally = Arc::new(Tally::new(handler.subscription(), reads, handler.ignores()));
        Self {
            runner,
            retries,
            tally,
            prepared: false,
            stopping: false,
            failed: Failed::default(),
        }
    }

    async fn try_next(&mut self) -> Result<Option<R::Reader>, AttemptError> {
        if !self.prepared {
            if self.stopping {
                return Ok(None);
            }
            self.runner.handler.prepare(&self.runner.store).await?;
            self.runner.introduce().await?;
            self.prepared = true;
        }
        Ok(self.runner.source.assigned().await?)
    }

    fn worker(&self, reader: R::Reader) -> Worker<S, H, R::Reader> {
        let tally = Arc::clone(&self.tally);
        Worker::new(&self.runner, reader, tally, self.failed.clone())
    }
}

#[async_trait]
impl<S: Checkpoints + Inbox + Parking, H: Handler<S>, R: Source> Workers for Partitions<S, H, R> {
    type Error = RunnerErrorKind;

    async fn next(&mut self) -> Result<Option<Work<RunnerErrorKind>>, RunnerErrorKind> {
        loop {
            match self.try_next().await {
                // Nobody works on a partition any more. The runner sees the failure and stops; then the source ends.
                Ok(Some(reader)) if self.failed.get() => {
                    drop(reader);
                    if !self.stopping {
                        return std::future::pending().await;
                    }
                }
                Ok(reader) => {
                    self.retries.succeeded();
                    let worker = reader.map(|reader| self.worker(reader));
                    return Ok(worker.map(|worker| Box::pin(worker.run()) as Work<_>));
                }
                Err(AttemptError::Stop(error)) => return Err(error),
                Err(AttemptError::Retry(error) | AttemptError::Smaller(error)) => {
                    tokio::time::sleep(self.retries.failed(&*error)).await;
                }
                Err(AttemptError::NewerEvent(error)) => {
                    tokio::time::sleep(self.retries.failed(&error)).await;
                }
                // Only a worker handles events.
                Err(AttemptError::Failing(failing)) => {
                    tokio::time::sleep(self.retries.failed(&*failing.reason)).await;
                }
            }
        }
    }

    fn stop(&mut self) {
        self.stopping = true;
        self.runner.source.stop();
    }

    fn panicked(&self, message: String) -> RunnerErrorKind {
        RunnerErrorKind::Panicked(message)
    }
}
