//! The leases of partitions and relays: each call is a transaction of its own, and may be made twice.

use cqrs_core::{
    StoreError,
    model::{LeaseTimes, Member, MemberId, PartitionId},
    ports::{Heartbeat, Leases, PartitionStatus, Partitions, RelayLease, SliceProgress},
};

use super::{Gated, one_call, unavailable};
use crate::desk::Verdict;

impl Leases for Gated {
    fn lease_times(&self) -> LeaseTimes {
        self.store.lease_times()
    }

    async fn hold_relay(&self, relay: &str, member: &Member) -> Result<RelayLease, StoreError> {
        let call = || self.store.hold_relay(relay, member);
        one_call!(self, "hold_relay", unavailable(), call())
    }

    async fn leave_relay(&self, relay: &str, member: MemberId) -> Result<(), StoreError> {
        let call = || self.store.leave_relay(relay, member);
        one_call!(self, "leave_relay", unavailable(), call())
    }
}

impl Partitions for Gated {
    async fn subscribe(&self, subscription: &str, partitions: u16) -> Result<(), StoreError> {
        let call = || self.store.subscribe(subscription, partitions);
        one_call!(self, "subscribe", unavailable(), call())
    }

    async fn heartbeat(
        &self,
        subscription: &str,
        member: &Member,
        avoid: &[PartitionId],
    ) -> Result<Heartbeat, StoreError> {
        let call = || self.store.heartbeat(subscription, member, avoid);
        one_call!(self, "heartbeat", unavailable(), call())
    }

    async fn release(
        &self,
        subscription: &str,
        partition: &PartitionId,
        member: MemberId,
        stopped: Option<&str>,
    ) -> Result<(), StoreError> {
        let call = || self.store.release(subscription, partition, member, stopped);
        one_call!(self, "release", unavailable(), call())
    }

    async fn leave(&self, subscription: &str, member: MemberId) -> Result<(), StoreError> {
        let call = || self.store.leave(subscription, member);
        one_call!(self, "leave", unavailable(), call())
    }

    async fn progress_by_slice(
        &self,
        subscription: &str,
    ) -> Result<Vec<SliceProgress>, StoreError> {
        let call = || self.store.progress_by_slice(subscription);
        one_call!(self, "progress_by_slice", unavailable(), call())
    }

    async fn partitions(&self, subscription: &str) -> Result<Vec<PartitionStatus>, StoreError> {
        let call = || self.store.partitions(subscription);
        one_call!(self, "partitions", unavailable(), call())
    }
}
