//! The port of partitions.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::{MemoryEventStore, State, layout::joined, parked::StoredKey};
use crate::{
    model::{Claim, Member, MemberId, PartitionId, PartitionedBy, Requested, Selection, Slices},
    ports::{
        Heartbeat, PartitionStatus, Partitions, RepartitionError, SliceProgress, StoreError,
        unknown_subscription,
    },
};

/// The ranges of slices of so many partitions.
fn parts(partitions: u16) -> impl Iterator<Item = Slices> {
    let parts = (0..partitions).map(move |index| Slices::part(index, partitions));
    parts.filter(|slices| slices.from() < slices.to())
}

impl State {
    /// Puts the partitions of the log in the place of those that are there.
    fn divide(&mut self, subscription: &str, partitions: Vec<(Slices, Claim)>) {
        let is_old = |(of, partition): &(String, PartitionId)| {
            of == subscription && matches!(partition, PartitionId::Log(_))
        };
        self.checkpoints.retain(|subscribed, _| !is_old(subscribed));
        self.moved.retain(|subscribed, _| !is_old(subscribed));
        let ids = partitions
            .iter()
            .map(|(slices, _)| PartitionId::Log(*slices));
        let leases = self.leases.entry(subscription.to_owned()).or_default();
        leases.divide(ids);
        for (slices, claim) in partitions {
            let subscribed = (subscription.to_owned(), PartitionId::Log(slices));
            self.moved.insert(subscribed.clone(), Instant::now());
            self.checkpoints.insert(subscribed, claim);
        }
    }

    /// What the partitions read, if all that were claimed read the same.
    fn common_selection(&self, subscription: &str) -> Result<Option<Selection>, RepartitionError> {
        let log = |(of, partition): &(String, PartitionId)| {
            of == subscription && matches!(partition, PartitionId::Log(_))
        };
        let recorded = self
            .selections
            .iter()
            .filter(|(subscribed, _)| log(subscribed));
        let mut selections = recorded.map(|(_, selection)| selection);
        let first = selections.next().cloned();
        match selections.any(|other| Some(other) != first.as_ref()) {
            true => Err(RepartitionError::Selections(subscription.to_owned())),
            false => Ok(first),
        }
    }

    pub(super) fn repartition(
        &mut self,
        subscription: &str,
        partitions: u16,
    ) -> Result<u16, RepartitionError> {
        let before = self.log_partitions(subscription);
        let Some(epoch) = before.iter().map(|(_, claim)| claim.epoch).max() else {
            return Err(RepartitionError::Unknown(subscription.to_owned()));
        };
        let places = self.progress_by_slice(subscription);
        let slices = BTreeSet::from_iter(places.iter().map(|place| place.slice));
        if slices.len() != places.len() || slices.len() != usize::from(Slices::COUNT) {
            return Err(RepartitionError::Slices(subscription.to_owned()));
        }
        let selection = self.common_selection(subscription)?;
        let by = selection.as_ref().map(Selection::partitioning);
        let is_named = |stored: &StoredKey| stored.parked.key.stream().is_none();
        if by != Some(PartitionedBy::OrderingKey) && self.parked.of(subscription).any(is_named) {
            return Err(RepartitionError::Parked(subscription.to_owned()));
        }
        let paused = before
            .iter()
            .any(|(_, claim)| claim.requested == Requested::Pause);
        let requested = if paused {
            Requested::Pause
        } else {
            Requested::Run
        };
        let new = Vec::from_iter(parts(partitions).map(|slices| {
            let claim = joined(epoch + 1, slices, &places);
            (slices, claim.requested(requested))
        }));
        let made = u16::try_from(new.len()).unwrap_or(Slices::COUNT);
        for ((slices, _), selection) in new.iter().zip(std::iter::repeat(&selection)) {
            let subscribed = (subscription.to_owned(), PartitionId::Log(*slices));
            self.selections.remove(&subscribed);
            self.selections
                .extend(selection.clone().map(|selection| (subscribed, selection)));
        }
        self.divide(subscription, new);
        Ok(made)
    }
}

impl Partitions for MemoryEventStore {
    async fn subscribe(&self, subscription: &str, partitions: u16) -> Result<(), StoreError> {
        let mut state = self.state();
        if !state.leases.contains_key(subscription) {
            let new = parts(partitions.max(1)).map(|slices| (slices, Claim::new(0, None)));
            state.divide(subscription, new.collect());
        }
        Ok(())
    }

    async fn heartbeat(
        &self,
        subscription: &str,
        member: &Member,
        avoid: &[PartitionId],
    ) -> Result<Heartbeat, StoreError> {
        let mut state = self.state();
        let leases = state.leases.get_mut(subscription);
        let leases = leases.ok_or_else(|| unknown_subscription(subscription))?;
        let leased = leases.heartbeat(member, avoid);
        Ok(Heartbeat::new(leased, leases.members()))
    }

    async fn release(
        &self,
        subscription: &str,
        partition: &PartitionId,
        member: MemberId,
        stopped: Option<&str>,
    ) -> Result<(), StoreError> {
        if let Some(leases) = self.state().leases.get_mut(subscription) {
            leases.release(partition, member, stopped);
        }
        Ok(())
    }

    async fn leave(&self, subscription: &str, member: MemberId) -> Result<(), StoreError> {
        if let Some(leases) = self.state().leases.get_mut(subscription) {
            leases.leave(member);
        }
        Ok(())
    }

    async fn progress_by_slice(
        &self,
        subscription: &str,
    ) -> Result<Vec<SliceProgress>, StoreError> {
        Ok(self.state().progress_by_slice(subscription))
    }

    async fn partitions(&self, subscription: &str) -> Result<Vec<PartitionStatus>, StoreError> {
        let state = self.state();
        let of = state.leases.get(subscription);
        let status = |(slices, claim): (Slices, &Claim)| {
            let partition = PartitionId::Log(slices);
            let (owner, stopped) = of.map_or((None, None), |of| of.owner(&partition));
            let mut status = PartitionStatus::new(partition, claim.at);
            status.owner = owner;
            status.stopped = stopped;
            status
        };
        let partitions = state.log_partitions(subscription);
        Ok(partitions.into_iter().map(status).collect())
    }
}
