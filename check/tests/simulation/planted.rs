//! Bugs that the simulation must find: the naive versions of what the framework does.

use cqrs_core::{
    EventStore, MemoryEventStore, StoreError, Version,
    memory::MemoryTransaction,
    model::{Checkpoint, Claim, OrderingKey, PartitionId},
    ports::{
        AdvanceError, BoxError, Checkpoints, CommitError, ParkedKey, Parking, Partitions,
        UnitOfWork,
    },
};

use crate::{
    bug::{Bug, Memory},
    gated::Gated,
    journal::{Journal, Spoiled},
};

/// The epochs of the new partitions begin again.
pub(crate) async fn begin_again(
    memory: &Memory,
    store: &MemoryEventStore,
) -> Result<(), StoreError> {
    for status in store.partitions(Journal::NAME).await? {
        let partition = status.partition;
        if let Some(claim) = store.claim(Journal::NAME, &partition, None).await? {
            memory.of(&partition, |epochs| epochs.first = claim.epoch);
        }
    }
    Ok(())
}

impl Gated {
    /// With the bug: what is parked, before the claim.
    pub(crate) async fn before_claim(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<(), StoreError> {
        if self.bug == Some(Bug::KeysBeforeClaim) {
            let keys = self.store.parked_keys(subscription, partition).await?;
            let mut known = self.keys.0.lock().expect("no panic");
            known.insert(partition.clone(), keys);
        }
        Ok(())
    }

    pub(crate) fn claimed(&self, partition: &PartitionId, mut claim: Claim) -> Claim {
        self.memory
            .of(partition, |epochs| epochs.last = claim.epoch);
        match self.bug {
            Some(Bug::EpochsBeginAgain) => {
                let first = self.memory.of(partition, |epochs| epochs.first);
                claim.epoch = claim.epoch.saturating_sub(first);
            }
            Some(Bug::ForgetsAhead) => claim.ahead.clear(),
            _ => {}
        }
        claim
    }

    /// The epoch in the store that a claim stands for.
    pub(crate) fn stored_epoch(&self, partition: &PartitionId, epoch: u64) -> u64 {
        match self.bug {
            Some(Bug::EpochsBeginAgain) => epoch + self.memory.of(partition, |epochs| epochs.first),
            Some(Bug::LeaseAlone) => self.memory.of(partition, |epochs| epochs.last),
            _ => epoch,
        }
    }

    pub(crate) async fn advanced(
        &self,
        transaction: &mut MemoryTransaction,
        subscription: &str,
        partition: &PartitionId,
        epoch: u64,
        mut from: Option<Checkpoint>,
        to: Checkpoint,
    ) -> Result<(), AdvanceError> {
        let store = &self.store;
        let epoch = self.stored_epoch(partition, epoch);
        if self.bug == Some(Bug::LeaseAlone) {
            from = store.checkpoint(subscription, partition).await?;
        }
        if self.bug != Some(Bug::CheckpointAside) {
            let advance = store.advance_in(transaction, subscription, partition, epoch, from, to);
            return advance.await;
        }
        let mut aside = store.begin().await?;
        let advance = store.advance_in(&mut aside, subscription, partition, epoch, from, to);
        advance.await?;
        match store.commit(aside).await {
            Err(CommitError::Fenced(fenced)) => Err(fenced.into()),
            Err(error) => panic!("a checkpoint alone: {error}"),
            Ok(()) => Ok(()),
        }
    }

    /// With the bug: the keys that were parked before the claim.
    pub(crate) fn keys_before_claim(&self, partition: &PartitionId) -> Vec<OrderingKey> {
        let known = self.keys.0.lock().expect("no panic");
        known.get(partition).cloned().unwrap_or_default()
    }
}

/// Redrives a parked key as somebody who has not its claim: under the guards of its row and of its documents.
pub(crate) async fn redrive_outside(
    store: &MemoryEventStore,
    parked: &ParkedKey,
) -> Result<(), BoxError> {
    let stream = parked.key.stream().ok_or("its key is no stream")?;
    let slices = store.progress_by_slice(Journal::NAME).await?;
    let place = slices
        .iter()
        .find(|progress| progress.slice == stream.slice());
    let read = place
        .and_then(|progress| progress.at)
        .map_or(0, |at| at.offset.get());
    let before = Version::new(parked.event.version.get() - 1);
    let mut waiting = store.read_stream(stream, before).await?;
    waiting.retain(|event| event.position.get() <= read);
    let mut transaction = store.begin().await?;
    let journal = Journal::new(Spoiled::default(), None);
    journal.write(store, &mut transaction, &waiting).await?;
    store.unpark_in(&mut transaction, parked).await?;
    Ok(store.commit(transaction).await?)
}
