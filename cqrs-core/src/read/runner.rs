//! The one runner: a source, a handler and a unit of work.

mod worker;

use std::{pin::pin, sync::Arc};

use tokio::task::{JoinError, JoinSet};

use self::worker::Worker;
use crate::{
    codec::CodecError,
    model::{PartitionId, RetryPolicy},
    ports::{Checkpoints, EventStore, Inbox, Reader, Source, SourceError, StoreError},
    read::{
        handler::{Handler, IntoHandler},
        log_source::LogSource,
    },
};

/// How many events a batch begins with at most, unless set otherwise.
const FIRST_BATCH: usize = 1_000;

/// Why a runner ended before it was asked to. The log and the checkpoints are as the last committed batch left them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// The role cannot be run: its events are not an externally tagged enum.
    #[error("subscription {subscription:?} cannot be run: {reason}")]
    Role {
        /// The subscription.
        subscription: String,
        /// What is wrong with its events.
        reason: CodecError,
    },
    /// The source cannot be read on.
    #[error("subscription {subscription:?}: {error}")]
    Source {
        /// The subscription.
        subscription: String,
        /// Why.
        error: SourceError,
    },
    /// An event cannot be handled. Everything before it is committed; it comes again at the next start.
    #[error("subscription {subscription:?} stopped on {partition} before {event}: {reason}")]
    Poison {
        /// The subscription.
        subscription: String,
        /// The partition.
        partition: PartitionId,
        /// The event, in words.
        event: String,
        /// Why, and what to do.
        reason: String,
    },
    /// The store refuses what it is asked, and would refuse it again.
    #[error("subscription {subscription:?}: {error}")]
    Store {
        /// The subscription.
        subscription: String,
        /// Why.
        error: StoreError,
    },
    /// The role panicked. Its batch was rolled back.
    #[error("subscription {subscription:?} panicked: {message}")]
    Panicked {
        /// The subscription.
        subscription: String,
        /// What the panic said.
        message: String,
    },
}

/// A runner over the own log.
pub type ProjectionRunner<S, H> = Runner<S, H, LogSource<S>>;

/// Drives a role over a source: reads a batch, handles it and moves the checkpoint in one transaction.
///
/// **Invariant**: the effects of a batch and its checkpoint commit together under the claim's epoch, or not at all. So
/// whatever is killed, repeated or run twice, every event takes effect exactly once.
#[derive(Debug)]
pub struct Runner<S, H, R> {
    store: S,
    handler: Arc<H>,
    source: R,
    /// The size of the first batch, and of the one after a failure.
    first_batch: usize,
    /// How large batches may grow.
    largest_batch: usize,
}

impl<S: Checkpoints + Inbox + EventStore, H: Handler<S>> ProjectionRunner<S, H> {
    /// Over the store's own log.
    ///
    /// # Errors
    /// When the role's events are not externally tagged enums.
    pub fn over_log<Role>(
        store: &S,
        role: impl IntoHandler<S, Role, Handler = H>,
    ) -> Result<Self, RunnerError> {
        let handler = role.into_handler();
        let source = LogSource::new(store.clone(), reads(&handler)?);
        Ok(Self::new(store, handler, source))
    }
}

impl<S: Checkpoints + Inbox, H: Handler<S>, R: Source> Runner<S, H, R> {
    /// Over a source of its own, for example Kafka topics.
    ///
    /// # Errors
    /// When the role's events are not externally tagged enums.
    pub fn over<Role>(
        store: &S,
        role: impl IntoHandler<S, Role, Handler = H>,
        source: R,
    ) -> Result<Self, RunnerError> {
        let handler = role.into_handler();
        reads(&handler)?;
        Ok(Self::new(store, handler, source))
    }

    fn new(store: &S, handler: H, source: R) -> Self {
        Self {
            store: store.clone(),
            first_batch: handler.largest_batch().min(FIRST_BATCH),
            largest_batch: handler.largest_batch(),
            handler: Arc::new(handler),
            source,
        }
    }

    /// How many events a transaction handles at most. Without it a batch begins with up to 1,000 and doubles as long as
    /// it comes back full, for a view up to 16,000; a projection stays at 1,000, a reactor at 500.
    #[must_use]
    pub fn batch_size(mut self, events: usize) -> Self {
        self.first_batch = events.max(1);
        self.largest_batch = self.first_batch;
        self
    }

    /// Runs until `stop` resolves, then finishes the batches in hand, commits them and gives its partitions back.
    ///
    /// What may pass by itself (a store or broker that is away, a conflict, a fence) is tried again for ever.
    ///
    /// # Errors
    /// The first failure that will not pass by itself. Other partitions finish their batch in hand first.
    pub async fn run(mut self, stop: impl Future<Output = ()> + Send) -> Result<(), RunnerError> {
        let mut stop = pin!(stop);
        tokio::select! {
            () = &mut stop => return Ok(()),
            prepared = prepare(&self.store, &*self.handler) => prepared.map_err(|error| self.store_error(error))?,
        }
        let mut workers = JoinSet::new();
        let (mut stopping, mut outcome) = (false, Ok(()));
        loop {
            tokio::select! {
                () = &mut stop, if !stopping => {
                    stopping = true;
                    self.source.stop();
                }
                Some(ended) = workers.join_next() => {
                    outcome = outcome.and(self.ended(ended));
                    if outcome.is_err() && !stopping {
                        stopping = true;
                        self.source.stop();
                    }
                }
                assigned = self.source.assigned() => match assigned {
                    Ok(Some(reader)) => { workers.spawn(self.worker(reader).run()); }
                    Ok(None) => break,
                    Err(error) => {
                        outcome = outcome.and(Err(self.source_error(error)));
                        self.source.stop();
                        break;
                    }
                },
            }
        }
        while let Some(ended) = workers.join_next().await {
            outcome = outcome.and(self.ended(ended));
        }
        outcome
    }

    fn worker<P: Reader>(&self, reader: P) -> Worker<S, H, P> {
        Worker::new(
            self.store.clone(),
            Arc::clone(&self.handler),
            reader,
            [self.first_batch, self.largest_batch],
        )
    }

    fn ended(&self, ended: Result<Result<(), RunnerError>, JoinError>) -> Result<(), RunnerError> {
        ended.unwrap_or_else(|error| {
            Err(RunnerError::Panicked {
                subscription: self.subscription(),
                message: error.to_string(),
            })
        })
    }

    fn subscription(&self) -> String {
        self.handler.subscription().to_owned()
    }

    fn store_error(&self, error: StoreError) -> RunnerError {
        RunnerError::Store {
            subscription: self.subscription(),
            error,
        }
    }

    fn source_error(&self, error: SourceError) -> RunnerError {
        RunnerError::Source {
            subscription: self.subscription(),
            error,
        }
    }
}

/// Makes the store ready, and waits for one that is away.
async fn prepare<S: Checkpoints, H: Handler<S>>(store: &S, handler: &H) -> Result<(), StoreError> {
    let mut failures = 0;
    loop {
        match handler.prepare(store).await {
            Err(error) if error.is_retryable() => {
                failures += 1;
                let wait = RetryPolicy::ALWAYS.wait(failures).unwrap_or_default();
                tracing::warn!(subscription = handler.subscription(), %error, ?wait, "the store is away");
                tokio::time::sleep(wait).await;
            }
            outcome => return outcome,
        }
    }
}

fn reads<S: Checkpoints, H: Handler<S>>(
    handler: &H,
) -> Result<Vec<crate::model::Reads>, RunnerError> {
    let role = |reason| RunnerError::Role {
        subscription: handler.subscription().to_owned(),
        reason,
    };
    handler.reads().map_err(role)
}

#[cfg(test)]
mod tests;
