//! The reader of one partition, as the runner uses it.

use std::{fmt, sync::Arc, time::Duration};

use cqrs_core::{
    model::{Checkpoint, PartitionId},
    ports::{Next, Reader, SourceError},
};
use tokio::sync::oneshot;

use super::{
    assignment::{Assignment, PollCommand},
    partition::{AssignedPartition, FlowChange},
};

/// After this time without a record a partition counts as read to its end.
const IDLE_WAIT: Duration = Duration::from_millis(250);

/// Reads one partition of a topic while the group assigns it to this member.
pub struct KafkaReader {
    id: PartitionId,
    partition: Arc<AssignedPartition>,
    assignment: Arc<Assignment>,
}

impl KafkaReader {
    pub(super) fn new(partition: Arc<AssignedPartition>, assignment: Arc<Assignment>) -> Self {
        Self {
            id: partition.id(),
            partition,
            assignment,
        }
    }
}

impl Reader for KafkaReader {
    fn partition(&self) -> &PartitionId {
        &self.id
    }

    async fn start(&mut self, at: Option<Checkpoint>) -> Result<(), SourceError> {
        let (done, started) = oneshot::channel();
        self.assignment.send(PollCommand::Start {
            partition: Arc::clone(&self.partition),
            at: at.map(|checkpoint| checkpoint.offset),
            done,
        });
        tokio::select! {
            biased;
            // `next` reports the revocation.
            () = self.partition.wait_until_revoked() => return Ok(()),
            outcome = started => outcome.unwrap_or_else(|_| {
                Err(SourceError::Fatal("the thread that polls Kafka has ended".into()))
            })?,
        }
        self.assignment.reporter.started(&self.id, at);
        Ok(())
    }

    async fn next(&mut self, max: usize) -> Result<Next, SourceError> {
        let mut idle = false;
        while !self.partition.is_revoked() {
            if let Some((batch, change)) = self.partition.take(max)? {
                if change == FlowChange::Resume {
                    let partition = Arc::clone(&self.partition);
                    self.assignment.send(PollCommand::Resume(partition));
                }
                let reporter = &self.assignment.reporter;
                reporter.reading(&self.id, Some(batch.next));
                return Ok(Next::Batch(batch));
            }
            if idle {
                self.assignment.reporter.caught_up(&self.id);
                return Ok(Next::Idle);
            }
            let changed = tokio::time::timeout(IDLE_WAIT, self.partition.wait_for_change());
            idle = changed.await.is_err();
        }
        Ok(Next::Revoked)
    }

    async fn back_off(&mut self, wait: Duration) {
        // The caller asks `revoked` which of the two happened.
        let _ = tokio::time::timeout(wait, self.partition.wait_until_revoked()).await;
    }

    fn revoked(&self) -> bool {
        self.partition.is_revoked()
    }
}

impl Drop for KafkaReader {
    fn drop(&mut self) {
        self.assignment.release(&self.partition);
    }
}

impl fmt::Debug for KafkaReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaReader")
            .field("partition", &self.id)
            .finish_non_exhaustive()
    }
}
