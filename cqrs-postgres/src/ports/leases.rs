//! The leases of relays.

use cqrs_core::{
    StoreError,
    model::{LeaseTimes, Member, MemberId},
    ports::{Leases, RelayLease},
};

use crate::{error::statement, store::PgEventStore};

impl Leases for PgEventStore {
    fn lease_times(&self) -> LeaseTimes {
        self.backend().lease_times
    }

    async fn hold_relay(&self, relay: &str, member: &Member) -> Result<RelayLease, StoreError> {
        let query = sqlx::query_as(self.backend().statements.hold_relay.sql())
            .bind(relay)
            .bind(member.id.as_uuid())
            .bind(&member.name)
            .bind(member.times.lease.as_secs_f64());
        let answer = self
            .own_session()
            .ask(async |connection| query.fetch_one(connection).await);
        let (held, owner): (bool, Option<String>) = answer.await?.map_err(statement)?;
        let mut lease = RelayLease::default();
        lease.held = held;
        lease.owner = owner;
        Ok(lease)
    }

    async fn leave_relay(&self, relay: &str, member: MemberId) -> Result<(), StoreError> {
        let query = sqlx::query(self.backend().statements.leave_relay.sql())
            .bind(relay)
            .bind(member.as_uuid());
        let answer = self
            .own_session()
            .ask(async |connection| query.execute(connection).await);
        answer.await?.map_err(statement)?;
        Ok(())
    }
}
