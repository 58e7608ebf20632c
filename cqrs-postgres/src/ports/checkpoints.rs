//! Checkpoints: one row for each subscription and partition, with the epoch that fences it.

use cqrs_core::{
    EventId, StoreError, StoreErrorKind,
    model::{Checkpoint, Claim, Offset, PartitionId, Selection},
    ports::{AdvanceError, Checkpoints, Fenced, check_reason},
};
use uuid::Uuid;

use crate::{
    error::commit,
    row::{signed, unsigned},
    store::PgEventStore,
    transaction::PgTransaction,
};

fn checkpoint((offset, event_id): (Option<i64>, Option<Uuid>)) -> Option<Checkpoint> {
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
    ) -> Result<Claim, StoreError> {
        let mut connection = self.backend().acquire().await?;
        let query = sqlx::query_as(self.backend().statements.claim.sql())
            .bind(subscription)
            .bind(partition.to_string());
        let asked = connection
            .ask(async |connection| query.fetch_one(connection).await)
            .await;
        let (epoch, offset, event_id): (i64, _, _) = asked.map_err(commit)?;
        Ok(Claim::new(unsigned(epoch), checkpoint((offset, event_id))))
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
        let query = sqlx::query_as(self.backend().statements.checkpoint.sql())
            .bind(subscription)
            .bind(partition.to_string());
        let row = self
            .backend()
            .ask(async |connection| query.fetch_optional(connection).await)
            .await?;
        Ok(row.and_then(checkpoint))
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
        let reads = serde_json::to_string(selection).expect("names always have a JSON form");
        let query = sqlx::query_scalar(self.backend().statements.select_reads.sql())
            .bind(subscription)
            .bind(partition.to_string())
            .bind(signed(epoch))
            .bind(reads)
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
    ) -> Result<(), StoreError> {
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
        Ok(())
    }
}

fn read(reads: &str) -> Result<Selection, StoreError> {
    serde_json::from_str(reads).map_err(|error| {
        let message = "what a subscription reads is not recorded as categories with types";
        StoreError::new(StoreErrorKind::Undecodable, message).caused_by(error)
    })
}
