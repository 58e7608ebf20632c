//! The leases of relays.

use super::{MemoryEventStore, leases::Leases};
use crate::{
    model::{LeaseTimes, Member, MemberId, PartitionId, Slices},
    ports::{self, RelayLease, StoreError},
};

/// What a relay reads: it has one lease for the whole log.
pub(super) const ALL: PartitionId = PartitionId::Log(Slices::ALL);

impl ports::Leases for MemoryEventStore {
    fn lease_times(&self) -> LeaseTimes {
        self.state().lease_times
    }

    async fn hold_relay(&self, relay: &str, member: &Member) -> Result<RelayLease, StoreError> {
        let mut state = self.state();
        let leases = state.relays.entry(relay.to_owned());
        let leases = leases.or_insert_with(|| {
            let mut leases = Leases::default();
            leases.divide(std::iter::once(ALL));
            leases
        });
        let held = !leases.heartbeat(member, &[]).is_empty();
        let (owner, _) = leases.owner(&ALL);
        Ok(RelayLease { held, owner })
    }

    async fn leave_relay(&self, relay: &str, member: MemberId) -> Result<(), StoreError> {
        if let Some(leases) = self.state().relays.get_mut(relay) {
            leases.leave(member);
        }
        Ok(())
    }
}
