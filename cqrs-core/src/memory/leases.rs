//! Who works on which partition of a subscription. `heartbeat.sql` of the store on PostgreSQL is the same in SQL.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use tokio::time::Instant;

use super::State;
use crate::{
    model::{Member, MemberId, PartitionId},
    ports::Leased,
};

/// The members of a subscription, and the partitions that they have.
#[derive(Debug, Default)]
pub(super) struct Leases {
    members: HashMap<MemberId, Joined>,
    partitions: BTreeMap<PartitionId, Lease>,
    /// How many members have joined.
    joined: u64,
}

#[derive(Debug)]
struct Joined {
    name: String,
    number: u64,
    since: Instant,
    renewed: Instant,
    lease: Duration,
}

#[derive(Debug)]
struct Lease {
    member: Option<MemberId>,
    since: Instant,
    stopped: Option<Stopped>,
}

/// A failure ended the runner of a partition.
#[derive(Debug)]
struct Stopped {
    reason: String,
    /// How many members had joined.
    joined: u64,
}

impl Leases {
    /// Free partitions. Members stay.
    pub(super) fn divide(&mut self, partitions: impl Iterator<Item = PartitionId>) {
        let lease = || Lease {
            member: None,
            since: Instant::now(),
            stopped: None,
        };
        self.partitions = partitions.map(|partition| (partition, lease())).collect();
    }

    pub(super) fn heartbeat(&mut self, member: &Member, avoid: &[PartitionId]) -> Vec<Leased> {
        self.renew(member);
        let now = Instant::now();
        self.members
            .retain(|_, joined| now < joined.renewed + joined.lease);
        self.take(member, avoid);
        self.leased(member)
    }

    fn renew(&mut self, member: &Member) {
        let now = Instant::now();
        let joined = self.members.entry(member.id).or_insert_with(|| {
            self.joined += 1;
            Joined {
                name: member.name.clone(),
                number: self.joined,
                since: now,
                renewed: now,
                lease: member.times.lease,
            }
        });
        joined.renewed = now;
        joined.lease = member.times.lease;
    }

    /// Takes free partitions: up to the share, without what others lack, or one that was free for long. Who gives back what they lack would
    /// take it again otherwise, before they do.
    fn take(&mut self, member: &Member, avoid: &[PartitionId]) {
        let (partitions, members) = (self.partitions.len(), self.members.len());
        let (share, least_share) = (partitions.div_ceil(members), partitions / members);
        let held = self.held(member.id);
        let others = self.members.keys().filter(|id| **id != member.id);
        let lacks = |id: &MemberId| least_share.saturating_sub(self.held(*id));
        let lacking: usize = others.map(lacks).sum();
        let number = self.members[&member.id].number;
        let long = member.times.settle * 2 + member.times.lease;
        let mut free = Vec::from_iter(self.partitions.iter_mut().filter(|(partition, lease)| {
            let is_free = lease
                .member
                .is_none_or(|id| !self.members.contains_key(&id));
            let is_tried = lease
                .stopped
                .as_ref()
                .is_none_or(|stopped| stopped.joined < number);
            is_free && is_tried && !avoid.contains(partition)
        }));
        let left = free.len().saturating_sub(lacking);
        let room = left.max(least_share.saturating_sub(held));
        let room = room.min(share.saturating_sub(held));
        free.retain(|(_, lease)| room > 0 || lease.since.elapsed() > long);
        free.sort_by_key(|(_, lease)| lease.since);
        for (_, lease) in free.into_iter().take(room.max(1)) {
            *lease = Lease {
                member: Some(member.id),
                since: Instant::now(),
                stopped: None,
            };
        }
    }

    /// The partitions of a member. It gives back the last ones, if other members lack them.
    fn leased(&self, member: &Member) -> Vec<Leased> {
        let least_share = self.partitions.len() / self.members.len();
        let surplus = self.held(member.id).saturating_sub(least_share);
        let back = self.lacking(member, least_share).min(surplus);
        let own = self.partitions.iter();
        let own = own.filter(|(_, lease)| lease.member == Some(member.id));
        let own = Vec::from_iter(own.map(|(partition, _)| partition.clone()));
        let kept = own.len() - back;
        let leased = own.into_iter().enumerate();
        leased
            .map(|(index, partition)| Leased::new(partition, index >= kept))
            .collect()
    }

    /// How many partitions others lack, without those that are free or that members with a lower number give back.
    fn lacking(&self, member: &Member, least_share: usize) -> usize {
        let settle = member.times.settle;
        if self
            .members
            .values()
            .any(|other| other.since.elapsed() <= settle)
        {
            return 0;
        }
        let number = self.members[&member.id].number;
        let lacks = |id: &MemberId| least_share.saturating_sub(self.held(*id));
        let lacking: usize = self.members.keys().map(lacks).sum();
        let before = self
            .members
            .iter()
            .filter(|(_, other)| other.number < number);
        let given: usize = before
            .map(|(id, _)| self.held(*id).saturating_sub(least_share))
            .sum();
        let is_free = |lease: &&Lease| {
            let owner = lease.member.and_then(|id| self.members.get(&id));
            owner.is_none() && lease.stopped.is_none()
        };
        let free = self.partitions.values().filter(is_free).count();
        lacking.saturating_sub(given + free)
    }

    fn held(&self, member: MemberId) -> usize {
        let own = self.partitions.values();
        own.filter(|lease| lease.member == Some(member)).count()
    }

    pub(super) fn members(&self) -> usize {
        self.members.len()
    }

    pub(super) fn release(
        &mut self,
        partition: &PartitionId,
        member: MemberId,
        reason: Option<&str>,
    ) {
        let joined = self.joined;
        let lease = self.partitions.get_mut(partition);
        if let Some(lease) = lease.filter(|lease| lease.member == Some(member)) {
            lease.member = None;
            lease.since = Instant::now();
            lease.stopped = reason.map(|reason| Stopped {
                reason: reason.to_owned(),
                joined,
            });
        }
    }

    pub(super) fn leave(&mut self, member: MemberId) {
        self.members.remove(&member);
        for lease in self.partitions.values_mut() {
            if lease.member == Some(member) {
                lease.member = None;
                lease.since = Instant::now();
            }
        }
    }

    /// For how long a partition has had its owner, or none.
    pub(super) fn owned_for(&self, partition: &PartitionId) -> Option<Duration> {
        let lease = self.partitions.get(partition)?;
        let owner = lease.member.and_then(|id| self.members.get(&id));
        let ended = owner.map(|owner| owner.renewed.elapsed().checked_sub(owner.lease));
        // An owner that has died has left it when its lease ended.
        Some(ended.flatten().unwrap_or_else(|| lease.since.elapsed()))
    }

    /// A member that is alive.
    pub(super) fn a_living_member(&self) -> Option<&str> {
        let mut members = self.members.values();
        let living = members.find(|member| member.renewed.elapsed() < member.lease);
        living.map(|member| &*member.name)
    }

    /// The living owner of a partition, and why it is stopped.
    pub(super) fn owner(&self, partition: &PartitionId) -> (Option<String>, Option<String>) {
        let Some(lease) = self.partitions.get(partition) else {
            return (None, None);
        };
        let owner = lease.member.and_then(|id| self.members.get(&id));
        let owner = owner.filter(|owner| owner.renewed.elapsed() < owner.lease);
        let stopped = lease.stopped.as_ref().map(|stopped| stopped.reason.clone());
        (owner.map(|owner| owner.name.clone()), stopped)
    }
}

impl State {
    pub(super) fn has_lease(
        &self,
        subscription: &str,
        partition: &PartitionId,
        member: MemberId,
    ) -> bool {
        let leases = self.leases.get(subscription);
        let lease = leases.and_then(|leases| leases.partitions.get(partition));
        lease.is_some_and(|lease| lease.member == Some(member))
    }
}
