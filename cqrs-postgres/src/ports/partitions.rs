//! Partitions of the log: who works on which, and how far each was read.

use cqrs_core::{
    StoreError,
    model::{Member, MemberId, PartitionId, Slices},
    ports::{
        Heartbeat, Leased, PartitionStatus, Partitions, SliceProgress, StoreErrorKind,
        unknown_subscription,
    },
};

use super::checkpoints::checkpoint;
use crate::{
    error::{own_code, statement},
    store::PgEventStore,
};

type HeartbeatRow = (i32, Vec<i32>, Vec<i32>, Vec<bool>);

type StatusRow = (
    i32,
    i32,
    Option<i64>,
    Option<uuid::Uuid>,
    Option<String>,
    Option<String>,
);

impl Partitions for PgEventStore {
    async fn subscribe(&self, subscription: &str, partitions: u16) -> Result<(), StoreError> {
        let query = sqlx::query(self.backend().statements.subscribe.sql())
            .bind(subscription)
            .bind(i32::from(partitions.clamp(1, Slices::COUNT)));
        // A repeat of it does nothing.
        self.backend()
            .ask(async |connection| query.execute(connection).await)
            .await?;
        Ok(())
    }

    async fn heartbeat(
        &self,
        subscription: &str,
        member: &Member,
        avoid: &[PartitionId],
    ) -> Result<Heartbeat, StoreError> {
        let avoid = Vec::from_iter(avoid.iter().map(ToString::to_string));
        let query = sqlx::query_as(self.backend().statements.heartbeat.sql())
            .bind(subscription)
            .bind(member.id.as_uuid())
            .bind(&member.name)
            .bind(member.times.lease.as_secs_f64())
            .bind(member.times.settle.as_secs_f64())
            .bind(avoid);
        let answer = self
            .own_session()
            .ask(async |connection| query.fetch_one(connection).await);
        let row: HeartbeatRow = answer.await?.map_err(|error| match own_code(&error) {
            Some("CQ009") => unknown_subscription(subscription),
            _ => statement(error),
        })?;
        let (members, from, to, give_back) = row;
        let ranges = from.into_iter().zip(to).zip(give_back);
        let leased = ranges
            .map(|((from, to), give_back)| Ok(Leased::new(partition(from, to)?, give_back)))
            .collect::<Result<_, StoreError>>()?;
        Ok(Heartbeat::new(
            leased,
            usize::try_from(members).unwrap_or(1),
        ))
    }

    async fn release(
        &self,
        subscription: &str,
        partition: &PartitionId,
        member: MemberId,
        stopped: Option<&str>,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(self.backend().statements.release_lease.sql())
            .bind(subscription)
            .bind(partition.to_string())
            .bind(member.as_uuid())
            .bind(stopped);
        let answer = self
            .own_session()
            .ask(async |connection| query.execute(connection).await);
        answer.await?.map_err(statement)?;
        Ok(())
    }

    async fn leave(&self, subscription: &str, member: MemberId) -> Result<(), StoreError> {
        let query = sqlx::query(self.backend().statements.leave.sql())
            .bind(subscription)
            .bind(member.as_uuid());
        let answer = self
            .own_session()
            .ask(async |connection| query.execute(connection).await);
        answer.await?.map_err(statement)?;
        Ok(())
    }

    async fn progress_by_slice(
        &self,
        subscription: &str,
    ) -> Result<Vec<SliceProgress>, StoreError> {
        let query =
            sqlx::query_as(self.backend().statements.progress_by_slice.sql()).bind(subscription);
        let rows: Vec<(i32, Option<i64>, Option<uuid::Uuid>)> = self
            .backend()
            .ask(async |connection| query.fetch_all(connection).await)
            .await?;
        rows.into_iter()
            .map(|(slice, offset, event_id)| {
                let slice = u16::try_from(slice).map_err(not_slices)?;
                Ok(SliceProgress::new(slice, checkpoint((offset, event_id))))
            })
            .collect()
    }

    async fn partitions(&self, subscription: &str) -> Result<Vec<PartitionStatus>, StoreError> {
        let query = sqlx::query_as(self.backend().statements.partitions.sql()).bind(subscription);
        let rows: Vec<StatusRow> = self
            .backend()
            .ask(async |connection| query.fetch_all(connection).await)
            .await?;
        let status = |(from, to, offset, event_id, owner, stopped): StatusRow| {
            let at = checkpoint((offset, event_id));
            let mut status = PartitionStatus::new(partition(from, to)?, at);
            status.owner = owner;
            status.stopped = stopped;
            Ok(status)
        };
        rows.into_iter().map(status).collect()
    }
}

pub(super) fn partition(from: i32, to: i32) -> Result<PartitionId, StoreError> {
    let from = u16::try_from(from).map_err(not_slices)?;
    let to = u16::try_from(to).map_err(not_slices)?;
    let slices = Slices::new(from, to);
    let slices = slices.ok_or_else(|| not_slices(format!("{from}..{to}")))?;
    Ok(PartitionId::Log(slices))
}

fn not_slices(found: impl Into<cqrs_core::ports::BoxError>) -> StoreError {
    let message = "a row of the table checkpoints or leases has no range of slices: it was changed by hand; restore it";
    StoreError::new(StoreErrorKind::Undecodable, message).caused_by(found)
}
