//! Runs the workers of a runner's partitions or of a relay's shards concurrently, until all have ended. Others can read
//! their [`Progress`].

pub(crate) mod batch_limit;
mod heartbeats;
mod page_limit;
mod progress;
mod rate;
mod retries;

use std::pin::{Pin, pin};

use async_trait::async_trait;
use tokio::task::{JoinError, JoinSet};

use crate::model::message_of;

pub use self::progress::{PartitionProgress, Phase, Progress, ProgressReporter};
pub(crate) use self::{
    heartbeats::{Beat, Heartbeats, MemberCalls},
    page_limit::PageLimit,
    retries::{LoopName, Retries},
};

/// A running worker.
pub(crate) type Work<E> = Pin<Box<dyn Future<Output = Result<(), E>> + Send>>;

/// A source of workers.
#[async_trait]
pub(crate) trait Workers: Send {
    /// The error of a worker that ends before it is stopped.
    type Error: Send + 'static;

    /// Waits for the next worker. `None` after [`stop`](Self::stop), when there are no more. Cancel-safe.
    async fn next(&mut self) -> Result<Option<Work<Self::Error>>, Self::Error>;

    /// Asks every worker to finish. Returns at once.
    fn stop(&mut self);

    /// The error for a worker that panicked.
    fn panicked(&self, message: String) -> Self::Error;
}

/// Runs until `stop` resolves or a worker fails, then stops all workers and waits for them.
///
/// # Errors
/// The first failure.
pub(crate) async fn run<W: Workers>(
    workers: &mut W,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), W::Error> {
    let mut stop = pin!(stop);
    let mut running = JoinSet::new();
    let mut stopping = false;
    let mut outcome = Ok(());
    loop {
        tokio::select! {
            () = &mut stop, if !stopping => {
                stopping = true;
                workers.stop();
            }
            Some(ended) = running.join_next() => {
                outcome = outcome.and(flatten(workers, ended));
                if outcome.is_err() && !stopping {
                    stopping = true;
                    workers.stop();
                }
            }
            next = workers.next() => match next {
                Ok(Some(work)) => { running.spawn(work); }
                Ok(None) => break,
                Err(error) => {
                    outcome = outcome.and(Err(error));
                    workers.stop();
                    break;
                }
            },
        }
    }
    while let Some(ended) = running.join_next().await {
        outcome = outcome.and(flatten(workers, ended));
    }
    outcome
}

fn flatten<W: Workers>(
    workers: &W,
    ended: Result<Result<(), W::Error>, JoinError>,
) -> Result<(), W::Error> {
    ended.unwrap_or_else(|error| Err(workers.panicked(panic_message(error))))
}

/// The message of a panic.
pub(crate) fn panic_message(error: JoinError) -> String {
    match error.try_into_panic() {
        Ok(panic) => message_of(&*panic),
        Err(error) => error.to_string(),
    }
}
