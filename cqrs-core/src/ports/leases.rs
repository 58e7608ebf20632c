//! The port of leases: a process keeps what it has as long as it is heard of. A relay has one lease; the partitions of a subscription
//! have [one each](crate::ports::Partitions).

use crate::{
    model::{LeaseTimes, Member, MemberId},
    ports::error::StoreError,
};

/// Who runs a relay, as a member of it learns from its [heartbeat](Leases::hold_relay).
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayLease {
    /// The member has the relay: it alone opens shards and publishes.
    pub held: bool,
    /// The process that has it.
    pub owner: Option<String>,
}

impl RelayLease {
    /// Whether the member has the relay, and which process does.
    #[must_use]
    pub fn new(held: bool, owner: impl Into<String>) -> Self {
        Self {
            held,
            owner: Some(owner.into()),
        }
    }
}

/// The leases of a store, and those of relays.
///
/// A lease spares work and decides nothing: it keeps two processes from fencing each other in turns. Whoever was overtaken is
/// rejected by the epoch of a claim, or by the broker.
pub trait Leases: Clone + Send + Sync + 'static {
    /// For how long a process keeps what it has, without a heartbeat.
    fn lease_times(&self) -> LeaseTimes;

    /// Says that a member of a relay is alive, and takes the relay unless a living member has it. Waits for nobody.
    fn hold_relay(
        &self,
        relay: &str,
        member: &Member,
    ) -> impl Future<Output = Result<RelayLease, StoreError>> + Send;

    /// Ends a member: another one can take the relay at once.
    fn leave_relay(
        &self,
        relay: &str,
        member: MemberId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;
}
