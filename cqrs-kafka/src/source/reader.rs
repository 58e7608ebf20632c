//! The reader of one partition: what the runner works with.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use cqrs_core::{Batch, Checkpoint, PartitionId, Reader, SourceError};
use tokio::sync::oneshot;

use super::{
    buffer::{Flow, Slot},
    group::{Group, Order},
};

/// Reads one partition of a topic while the group leaves it to us.
pub struct KafkaReader {
    id: PartitionId,
    slot: Arc<Slot>,
    group: Arc<Group>,
}

impl KafkaReader {
    pub(super) fn new(slot: Arc<Slot>, group: Arc<Group>) -> Self {
        Self {
            id: slot.id(),
            slot,
            group,
        }
    }
}

#[async_trait]
impl Reader for KafkaReader {
    fn partition(&self) -> &PartitionId {
        &self.id
    }

    async fn start(&mut self, at: Option<Checkpoint>) -> Result<(), SourceError> {
        let (done, started) = oneshot::channel();
        self.group.order(Order::Start {
            slot: Arc::clone(&self.slot),
            at: at.map(|checkpoint| checkpoint.offset),
            done,
        });
        tokio::select! {
            biased;
            // What comes next is the word that it is revoked.
            () = self.slot.until_revoked() => Ok(()),
            outcome = started => outcome.unwrap_or_else(|_| {
                Err(SourceError::Fatal("the thread that polls Kafka is gone".to_owned()))
            }),
        }
    }

    async fn next(&mut self, max: usize) -> Result<Option<Batch>, SourceError> {
        while !self.slot.revoked() {
            if let Some((batch, flow)) = self.slot.take(max)? {
                if flow == Flow::Resume {
                    self.group.order(Order::Resume(Arc::clone(&self.slot)));
                }
                return Ok(Some(batch));
            }
            self.slot.changed().await;
        }
        Ok(None)
    }

    async fn back_off(&mut self, wait: Duration) {
        // Either the time is up or the partition is revoked; the caller asks which.
        let _ = tokio::time::timeout(wait, self.slot.until_revoked()).await;
    }

    fn revoked(&self) -> bool {
        self.slot.revoked()
    }
}

impl Drop for KafkaReader {
    fn drop(&mut self) {
        self.group.give_back(&self.slot);
    }
}

impl fmt::Debug for KafkaReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaReader")
            .field("partition", &self.id)
            .finish_non_exhaustive()
    }
}
