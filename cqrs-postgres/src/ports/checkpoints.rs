//! Checkpoints: one row for each subscription and partition, with the epoch that fences it.

use cqrs_core::{
    EventId, StoreError, StoreErrorKind,
    model::{
        Ahead, Checkpoint, Claim, MemberId, Offset, PartitionId, Requested, Selection, Slices,
        Standing,
    },
    ports::{AdvanceError, BoxError, Checkpoints, Fenced, check_reason},
};
use uuid::Uuid;

use crate::{
    error::commit,
    row::{signed, unsigned},
    store::PgEventStore,
    transaction::PgTransaction,
};

/// The columns of a checkpoint.
pub(super) type PlaceRow = (Option<i64>, Option<Uuid>);

/// A claim as the server returns it.
#[derive(sqlx::FromRow)]
struct ClaimRow {
    epoch: i64,
    offset: Option<i64>,
    event_id: Option<Uuid>,
    ahead: Option<String>,
    requested: Option<String>,
}

impl ClaimRow {
    fn claim(self) -> Result<Claim, StoreError> {
        let at = checkpoint((self.offset, self.event_id));
        let ahead = self.ahead.as_deref().map(ahead).transpose()?;
        let requested = requested(self.requested.as_deref());
        let claim = Claim::new(unsigned(self.epoch), at).requested(requested);
        Ok(claim.ahead(ahead.unwrap_or_default()))
    }
}

/// The column `requested`.
fn requested(found: Option<&str>) -> Requested {
    match found {
        Some(_) => Requested::Pause,
        None => Requested::Run,
    }
}

/// A range of slices in the column `ahead`.
#[derive(serde::Deserialize)]
struct AheadPart {
    from: u16,
    to: u16,
    offset: u64,
    event_id: Option<Uuid>,
}

fn ahead(parts: &str) -> Result<Vec<Ahead>, StoreError> {
    let parts: Vec<AheadPart> = serde_json::from_str(parts).map_err(not_slices)?;
    let part = |part: AheadPart| {
        let event_id = part.event_id.map(EventId::from_uuid);
        let at = Checkpoint::new(Offset::new(part.offset), event_id);
        let slices = Slices::new(part.from, part.to);
        let slices = slices.ok_or_else(|| not_slices(format!("{}..{}", part.from, part.to)))?;
        Ok(Ahead::new(slices, at))
    };
    parts.into_iter().map(part).collect()
}

fn not_slices(found: impl Into<BoxError>) -> StoreError {
    let message = "a row of the table checkpoints has no ranges of slices in its column ahead: it was changed by hand; \
                   restore it";
    StoreError::new(StoreErrorKind::Undecodable, message).caused_by(found)
}

pub(super) fn checkpoint((offset, event_id): PlaceRow) -> Option<Checkpoint> {
    let event_id = event_id.map(EventId::from_uuid);
    offset.map(|offset| Checkpoint::new(Offset::new(unsigned(offset)), event_id))
}

fn event_id(checkpoint: Checkpoint) -> Option<Uuid> {
    checkpoint.event_id.map(EventId::as_uuid)
}

impl Checkpoints for PgEventStore {
    async fn claim(
        &self,
        subscription: &str,
        partition: &PartitionId,
        member: Option<MemberId>,
    ) -> Result<Option<Claim>, StoreError> {
        let statements = &self.backend().statements;
        let name = partition.to_string();
        let query = match partition {
            PartitionId::Topic { .. } => sqlx::query_as(statements.claim.sql())
                .bind(subscription)
                .bind(name),
            PartitionId::Log(_) => sqlx::query_as(statements.claim_slices.sql())
                .bind(subscription)
                .bind(name)
                .bind(member.map(MemberId::as_uuid)),
        };
        let mut connection = self.backend().acquire().await?;
        let asked = connection
            .ask(async |connection| query.fetch_optional(connection).await)
            .await;
        let row: Option<ClaimRow> = asked.map_err(commit)?;
        row.map(ClaimRow::claim).transpose()
    }

    async fn advance_in(
        &self,
        transaction: &mut PgTransaction,
        subscription: &str,
        partition: &PartitionId,
        epoch: u64,
        from: Option<Checkpoint>,
        to: Checkpoint,
    ) -> Result<(), AdvanceError> {
        let query = sqlx::query_scalar(self.backend().statements.advance.sql())
            .bind(subscription)
            .bind(partition.to_string())
            .bind(signed(epoch))
            .bind(from.map(|from| signed(from.offset.get())))
            .bind(from.and_then(event_id))
            .bind(signed(to.offset.get()))
            .bind(event_id(to));
        let moved = transaction
            .ask(async |connection| query.fetch_one(connection).await)
            .await?;
        if moved {
            return Ok(());
        }
        Err(Fenced::new(subscription, partition.clone()).into())
    }

    async fn move_in(
        &self,
        transaction: &mut PgTransaction,
        subscription: &str,
        partition: &PartitionId,
        epoch: u64,
        from: Option<Checkpoint>,
        to: Checkpoint,
        reason: &str,
    ) -> Result<(), AdvanceError> {
        check_reason(reason)?;
        self.advance_in(transaction, subscription, partition, epoch, from, to)
            .await?;
        let names = ["subscription", "partition", "from", "to"];
        let from = from.map_or_else(String::new, |from| from.offset.to_string());
        let values = [
            subscription.to_owned(),
            partition.to_string(),
            from,
            to.offset.to_string(),
        ];
        let query = sqlx::query(self.backend().statements.record_operation.sql())
            .bind("continue_after")
            .bind(&names[..])
            .bind(&values[..])
            .bind(reason)
            .bind(None::<&str>);
        transaction
            .ask(async |connection| query.execute(connection).await)
            .await?;
        Ok(())
    }

    async fn checkpoint(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Option<Checkpoint>, StoreError> {
        let statements = &self.backend().statements;
        let query = match partition {
            PartitionId::Topic { .. } => sqlx::query_as(statements.checkpoint.sql())
                .bind(subscription)
                .bind(partition.to_string()),
            PartitionId::Log(slices) => sqlx::query_as(statements.checkpoint_of_slices.sql())
                .bind(subscription)
                .bind(i32::from(slices.from()))
                .bind(i32::from(slices.to())),
        };
        let row = self
            .backend()
            .ask(async |connection| query.fetch_optional(connection).await)
            .await?;
        Ok(row.and_then(checkpoint))
    }

    async fn standing(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Option<Standing>, StoreError> {
        let query = sqlx::query_as(self.backend().statements.standing.sql())
            .bind(subscription)
            .bind(partition.to_string());
        let asked = self
            .backend()
            .ask(async |connection| query.fetch_optional(connection).await);
        let row: Option<(Option<i64>, Option<Uuid>, Option<String>)> = asked.await?;
        Ok(row.map(|(offset, event_id, asked)| {
            Standing::new(checkpoint((offset, event_id)), requested(asked.as_deref()))
        }))
    }

    async fn read_again_in(
        &self,
        transaction: &mut PgTransaction,
        subscription: &str,
        partition: &PartitionId,
        epoch: u64,
        selection: &Selection,
        reason: &str,
    ) -> Result<(), AdvanceError> {
        check_reason(reason)?;
        let statement = &self.backend().statements.read_again;
        let query = sqlx::query_scalar(statement.sql())
            .bind(subscription)
            .bind(partition.to_string())
            .bind(signed(epoch))
            .bind(written(selection))
            .bind(reason);
        let selected = transaction.ask(async |connection| query.fetch_one(connection).await);
        if selected.await? {
            return Ok(());
        }
        Err(Fenced::new(subscription, partition.clone()).into())
    }

    async fn selection(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Option<Selection>, StoreError> {
        let query = sqlx::query_scalar(self.backend().statements.selection.sql())
            .bind(subscription)
            .bind(partition.to_string());
        let asked = self
            .backend()
            .ask(async |connection| query.fetch_optional(connection).await);
        let reads: Option<Option<String>> = asked.await?;
        reads.flatten().map(|reads| read(&reads)).transpose()
    }

    async fn select_in(
        &self,
        transaction: &mut PgTransaction,
        subscription: &str,
        partition: &PartitionId,
        epoch: u64,
        selection: &Selection,
        reason: Option<&str>,
    ) -> Result<(), AdvanceError> {
        reason.map_or(Ok(()), check_reason)?;
        let query = sqlx::query_scalar(self.backend().statements.select_reads.sql())
            .bind(subscription)
            .bind(partition.to_string())
            .bind(signed(epoch))
            .bind(written(selection))
            .bind(reason);
        let selected = transaction.ask(async |connection| query.fetch_one(connection).await);
        if selected.await? {
            return Ok(());
        }
        Err(Fenced::new(subscription, partition.clone()).into())
    }

    async fn reset_in(
        &self,
        transaction: &mut PgTransaction,
        subscription: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        check_reason(reason)?;
        let statements = &self.backend().statements;
        let steps = [
            &statements.lock_claims,
            &statements.reset_checkpoints,
            &statements.reset_inbox,
            &statements.reset_parked,
        ];
        for reset in steps {
            let query = sqlx::query(reset.sql()).bind(subscription);
            transaction
                .ask(async |connection| query.execute(connection).await)
                .await?;
        }
        let query = sqlx::query(statements.record_operation.sql())
            .bind("reset")
            .bind(&["subscription"][..])
            .bind(&[subscription][..])
            .bind(reason)
            .bind(None::<&str>);
        transaction
            .ask(async |connection| query.execute(connection).await)
            .await?;
        Ok(())
    }
}

fn written(selection: &Selection) -> String {
    serde_json::to_string(selection).expect("names always have a JSON form")
}

fn read(reads: &str) -> Result<Selection, StoreError> {
    serde_json::from_str(reads).map_err(|error| {
        let message = "a row of the table checkpoints has no categories with types in its column reads: it was changed by hand; \
                       restore it";
        StoreError::new(StoreErrorKind::Undecodable, message).caused_by(error)
    })
}
