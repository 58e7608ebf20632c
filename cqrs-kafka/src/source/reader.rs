//! The reader of one partition, as the runner uses it.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant},
};

use cqrs_core::{
    RecordedEvent,
    model::{Checkpoint, Claim, PartitionId},
    ports::{Batch, BoxError, Next, Reader, SourceError, TopicRecord},
};
use tokio::sync::oneshot;

use super::{
    assignment::{Assignment, PollCommand},
    partition::{AssignedPartition, FlowChange},
    receive::decode_kept,
};
use crate::{blocking::run_blocking, wire::Decoder};

/// After this time without a record a partition counts as read to its end.
const IDLE_WAIT: Duration = Duration::from_millis(250);

/// How often an idle partition moves over markers of transactions.
const MOVE_INTERVAL: Duration = Duration::from_secs(10);

/// Reads one partition of a topic while the group assigns it to this member.
pub struct KafkaReader {
    id: PartitionId,
    partition: Arc<AssignedPartition>,
    assignment: Arc<Assignment>,
    /// When it last moved over markers of transactions.
    moved: Option<Instant>,
}

impl KafkaReader {
    pub(super) fn new(partition: Arc<AssignedPartition>, assignment: Arc<Assignment>) -> Self {
        Self {
            id: partition.id(),
            partition,
            assignment,
            moved: None,
        }
    }

    /// Compares the checkpoint with the topic; `false` if the partition is revoked meanwhile, which `next` reports.
    async fn is_of_this_topic(&self, at: Checkpoint) -> Result<bool, SourceError> {
        let check = Arc::clone(&self.assignment.check);
        let partition = Arc::clone(&self.partition);
        let compared = run_blocking(move || check.compare(&partition, at));
        tokio::select! {
            biased;
            () = self.partition.wait_until_revoked() => Ok(false),
            compared = compared => compared?.map(|()| true),
        }
    }

    /// The place after the last record, if there are only markers of transactions and aborted records up to it. Without it a
    /// checkpoint would stay in front of them, and retention would pass it.
    fn end_of_transactions(&mut self) -> Option<Batch> {
        let next = self.partition.take_move()?;
        self.moved = Some(Instant::now());
        self.assignment.reporter.reading(&self.id, Some(next));
        Some(Batch::new(Vec::new(), next))
    }
}

impl Reader for KafkaReader {
    fn partition(&self) -> &PartitionId {
        &self.id
    }

    async fn start(&mut self, claim: &Claim) -> Result<(), SourceError> {
        let at = claim.at;
        if let Some(at) = at
            && !self.is_of_this_topic(at).await?
        {
            return Ok(());
        }
        let (done, started) = oneshot::channel();
        self.assignment.send(PollCommand::Start {
            partition: Arc::clone(&self.partition),
            at,
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
                if !batch.events.is_empty() {
                    reporter.behind(&self.id, &batch.events);
                    reporter.handled(&self.id, batch.events.len());
                }
                return Ok(Next::Batch(batch));
            }
            if idle {
                if self
                    .moved
                    .is_none_or(|moved| moved.elapsed() >= MOVE_INTERVAL)
                    && let Some(batch) = self.end_of_transactions()
                {
                    return Ok(Next::Batch(batch));
                }
                self.assignment.reporter.caught_up(&self.id);
                return Ok(Next::Idle);
            }
            let changed = tokio::time::timeout(IDLE_WAIT, self.partition.wait_for_change());
            idle = changed.await.is_err();
        }
        Ok(self
            .end_of_transactions()
            .map_or(Next::Revoked, Next::Batch))
    }

    async fn back_off(&mut self, wait: Duration) {
        // The caller asks `revoked` which of the two happened.
        let _ = tokio::time::timeout(wait, self.partition.wait_until_revoked()).await;
    }

    fn keep_records(&mut self, keep: bool) -> bool {
        self.partition.keep_records(keep);
        true
    }

    fn decode(&self, record: &TopicRecord) -> Result<RecordedEvent, BoxError> {
        let mut decoder = Decoder::new(self.assignment.options.config.prefix());
        Ok(decode_kept(&mut decoder, record)?)
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
