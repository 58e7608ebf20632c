//! A task that works through a queue. It starts with the first job, and starts again if its runtime has shut down.

use std::sync::{Mutex, MutexGuard};

use cqrs_core::{StoreError, StoreErrorKind};
use tokio::{sync::mpsc, task::JoinHandle};

/// How many jobs may wait in the queue. Further callers wait until there is room.
pub(crate) const CAPACITY: usize = 1_024;

/// A task and its queue. The task ends when this is dropped and the queue is empty.
#[derive(Debug)]
pub(crate) struct LazyTask<J>(Mutex<Option<(mpsc::Sender<J>, JoinHandle<()>)>>);

impl<J> Default for LazyTask<J> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<J> LazyTask<J> {
    /// Hands over a job as soon as there is room. A caller who stops waiting before that has handed over nothing.
    pub(crate) async fn send(
        &self,
        mut job: J,
        start: impl Fn(mpsc::Receiver<J>) -> JoinHandle<()>,
    ) -> Result<(), StoreError> {
        for _ in 0..2 {
            match self.queue(&start).send(job).await {
                Ok(()) => return Ok(()),
                Err(mpsc::error::SendError(unsent)) => job = unsent,
            }
        }
        let message =
            "the store's task stops as soon as it is started; is the runtime shutting down?";
        Err(StoreError::new(StoreErrorKind::Unavailable, message))
    }

    /// Waits until the task has done every job of its queue.
    pub(crate) async fn close(&self) {
        let task = self.lock().take();
        if let Some((sender, task)) = task {
            drop(sender);
            // A task that panicked has ended, too.
            let _ = task.await;
        }
    }

    /// The queue of a task that runs.
    fn queue(&self, start: impl Fn(mpsc::Receiver<J>) -> JoinHandle<()>) -> mpsc::Sender<J> {
        let mut task = self.lock();
        if let Some((sender, _)) = &*task
            && !sender.is_closed()
        {
            return sender.clone();
        }
        let (sender, jobs) = mpsc::channel(CAPACITY);
        *task = Some((sender.clone(), start(jobs)));
        sender
    }

    fn lock(&self) -> MutexGuard<'_, Option<(mpsc::Sender<J>, JoinHandle<()>)>> {
        self.0
            .lock()
            .expect("no call panics while it holds the lock")
    }
}
