//! Handles what is in the source now, then stops.
//!
//! **Invariant**: it ends with `Ok` only if every checkpoint is where reading can continue, and at or after the end that its partition
//! had at the call. A partition whose events were removed has no end, so its range is compared as well.

use std::ops::RangeInclusive;

use super::{Runner, RunnerError, RunnerErrorKind};
use crate::{
    model::{Offset, PartitionId},
    ports::{Checkpoints, Inbox, Parking, Source, SourceError},
    read::{
        handled::{LONGEST_WAIT, handled},
        handler::Handler,
    },
    run_loop::{LoopName, Retries},
};

impl<S: Checkpoints + Inbox + Parking, H: Handler<S>, R: Source> Runner<S, H, R> {
    /// Handles all events that are in the log or the topics now, then stops: for imports, rebuilds, tests and programs that
    /// end. It also waits for the partitions that other members of the group read.
    ///
    /// # Errors
    /// As [`run`](Self::run). [`SourceError::OutOfRange`] also for a partition without events: retention removed them before the
    /// subscription had all of them, or the topic was created again.
    pub async fn catch_up(mut self) -> Result<(), RunnerError> {
        let ends = match self.ends().await {
            Ok(ends) => ends,
            Err(error) => {
                let error = RunnerError::new(self.subscription(), error);
                self.reporter.ended(None, Some(&error));
                return Err(error);
            }
        };
        let store = self.store.clone();
        let subscription = self.subscription().to_owned();
        self.run(async move {
            for (partition, end) in ends {
                // If the store fails, the worker of the partition fails too and handles the error.
                while handled(&store, &subscription, &partition, end)
                    .await
                    .is_err()
                {
                    tokio::time::sleep(LONGEST_WAIT).await;
                }
            }
        })
        .await
    }

    /// The ends of the partitions, once no checkpoint is out of range.
    async fn ends(&mut self) -> Result<Vec<(PartitionId, Offset)>, RunnerErrorKind> {
        let name = LoopName::Subscription(self.subscription().to_owned());
        let retries = Retries::new(name, None, self.reporter.clone());
        let mut retries = retries.waits(self.policy.retry);
        loop {
            match self.ends_in_range().await {
                Err(RunnerErrorKind::Source(error)) if error.is_retryable() => {
                    tokio::time::sleep(retries.failed(&error)).await;
                }
                Err(RunnerErrorKind::Store(error)) if error.is_retryable() => {
                    tokio::time::sleep(retries.failed(&error)).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn ends_in_range(&mut self) -> Result<Vec<(PartitionId, Offset)>, RunnerErrorKind> {
        let ends = self.source.ends().await?;
        let mut before = None;
        // Another member of the group may commit between the two questions. Then its checkpoint is another one at the second look.
        while let Some((at, available)) = self.first_out_of_range().await? {
            if before.as_ref() == Some(&at) {
                let (partition, offset) = at;
                return Err(SourceError::OutOfRange {
                    partition,
                    offset,
                    available,
                }
                .into());
            }
            before = Some(at);
        }
        Ok(ends)
    }

    /// A checkpoint at which reading cannot continue, with the offsets at which it can.
    async fn first_out_of_range(&mut self) -> Result<Option<(At, Offsets)>, RunnerErrorKind> {
        for (partition, available) in self.source.ranges().await? {
            let subscription = self.handler.subscription();
            let checkpoint = self.store.checkpoint(subscription, &partition).await?;
            if let Some(checkpoint) = checkpoint
                && !available.contains(&checkpoint.offset)
            {
                return Ok(Some(((partition, checkpoint.offset), available)));
            }
        }
        Ok(None)
    }
}

/// A checkpoint of a partition.
type At = (PartitionId, Offset);

/// The offsets at which reading can continue.
type Offsets = RangeInclusive<Offset>;
