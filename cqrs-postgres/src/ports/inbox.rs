//! The inbox: the highest position received from each lane.

use cqrs_core::{
    Position, StoreError,
    model::{Lane, PartitionId},
    ports::{Inbox, check_reason},
};

use crate::{
    row::{signed, unsigned},
    store::PgEventStore,
    transaction::PgTransaction,
};

impl Inbox for PgEventStore {
    async fn received(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Vec<(Lane, Position)>, StoreError> {
        let query = sqlx::query_as(self.backend().statements.received.sql())
            .bind(subscription)
            .bind(partition.inbox_key());
        let rows: Vec<(String, i64)> = self
            .backend()
            .ask(async |connection| query.fetch_all(connection).await)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(lane, position)| (Lane::new(lane), Position::new(unsigned(position))))
            .collect())
    }

    async fn rewind_in(
        &self,
        transaction: &mut PgTransaction,
        subscription: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        check_reason(reason)?;
        let query = sqlx::query(self.backend().statements.rewind.sql())
            .bind(subscription)
            .bind(reason);
        transaction
            .ask(async |connection| query.execute(connection).await)
            .await?;
        Ok(())
    }

    async fn receive_in(
        &self,
        transaction: &mut PgTransaction,
        subscription: &str,
        partition: &PartitionId,
        received: &[(Lane, Position)],
    ) -> Result<(), StoreError> {
        let (lanes, positions): (Vec<_>, Vec<_>) = received
            .iter()
            .map(|(lane, position)| (lane.as_str(), signed(position.get())))
            .unzip();
        let query = sqlx::query(self.backend().statements.receive.sql())
            .bind(subscription)
            .bind(partition.inbox_key());
        let query = query.bind(lanes).bind(positions);
        transaction
            .ask(async |connection| query.execute(connection).await)
            .await?;
        Ok(())
    }
}
