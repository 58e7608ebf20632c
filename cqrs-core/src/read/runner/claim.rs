//! Claims a partition, reads what belongs to the claim, and checks that it still stands.

use std::time::Duration;

use super::{attempt::AttemptError, claimed::ClaimedPartition, worker::Worker};
use crate::{
    model::{PartitionId, Requested},
    ports::{Checkpoints, GivenBack, Inbox, Parking, Reader, StoreError},
    read::handler::Handler,
};

/// How often a paused worker asks whether it may go on.
const ASK_WHILE_PAUSED: Duration = Duration::from_secs(1);

impl<S: Checkpoints + Inbox + Parking, H: Handler<S>, R: Reader> Worker<S, H, R> {
    /// `None`: it belongs to another process, or is no partition any more.
    pub(super) async fn claim(&self) -> Result<Option<ClaimedPartition>, AttemptError> {
        let subscription = self.handler.subscription();
        let partition = self.reader.partition();
        let member = self.reader.member();
        let claim = self.store.claim(subscription, partition, member).await?;
        let Some(claim) = claim else { return Ok(None) };
        let received = self.store.received(subscription, partition).await?;
        Ok(Some(ClaimedPartition {
            claim,
            received: received.into_iter().collect(),
        }))
    }

    /// Claims the partition, and waits while an operator has paused it. `None`: it is not this worker's, or is not any more.
    pub(super) async fn claim_to_run(&mut self) -> Result<Option<ClaimedPartition>, AttemptError> {
        loop {
            match self.claim().await? {
                Some(claimed) if claimed.claim.requested == Requested::Pause => {
                    self.reporter.paused(self.reader.partition());
                    self.reader.back_off(ASK_WHILE_PAUSED).await;
                }
                Some(claimed) => return Ok(Some(claimed)),
                None => {
                    self.reader.given_back(GivenBack::Lost);
                    return Ok(None);
                }
            }
            if self.reader.revoked() {
                return Ok(None);
            }
        }
    }

    /// Reads what is parked. Only after the claim: the last owner may have parked a key right before it.
    pub(super) async fn read_parked(&mut self) -> Result<(), StoreError> {
        let subscription = self.handler.subscription();
        let partition = self.reader.partition();
        let keys = self.store.parked_keys(subscription, partition).await?;
        self.parked.claimed(keys);
        self.report_parked();
        self.keep_records();
        Ok(())
    }

    /// Has the reader keep the records of a topic while some of them may have to wait, and no longer: each takes its memory twice.
    pub(super) fn keep_records(&mut self) {
        if let PartitionId::Topic { .. } = self.reader.partition() {
            let keep = self.parked.needs_records();
            self.reader.keep_records(keep);
        }
    }

    /// In the metrics only: the progress keeps what was last known.
    pub(super) fn report_nothing_parked(&self) {
        if self.parked.count() > 0 {
            self.tally.parked(self.reader.partition(), 0);
        }
    }

    pub(super) fn report_parked(&self) {
        let partition = self.reader.partition();
        self.tally.parked(partition, self.parked.count());
        self.reporter.parked(partition, self.parked.count());
    }

    /// Checks that the stored checkpoint is the one that this worker wrote, and whether somebody has asked it to wait. Only a write detects
    /// a fence, so without this check an idle partition would miss a reset or a pause.
    pub(super) async fn is_paused(&self, claimed: &ClaimedPartition) -> Result<bool, AttemptError> {
        let subscription = self.handler.subscription();
        let partition = self.reader.partition();
        match self.store.standing(subscription, partition).await? {
            Some(found) if found.at == claimed.claim.at => Ok(found.requested == Requested::Pause),
            _ => {
                let moved = "the checkpoint was moved by another runner or a reset";
                Err(AttemptError::Retry(moved.into()))
            }
        }
    }
}
