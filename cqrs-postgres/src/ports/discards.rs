//! The discarded events of subscriptions, and the operations that discarded them.

use std::time::SystemTime;

use cqrs_core::{
    EventId, Position, StoreError, StreamId, Version,
    model::Category,
    ports::{Discarded, Discards},
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    row::{signed, unsigned},
    store::PgEventStore,
    transaction::PgTransaction,
};

type Row = (String, String, i64, i64, Uuid, String, OffsetDateTime);

impl Discards for PgEventStore {
    async fn discard_in(
        &self,
        transaction: &mut PgTransaction,
        discarded: &Discarded,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(self.backend().statements.discard.sql())
            .bind(&discarded.subscription)
            .bind(discarded.stream.category().as_str())
            .bind(discarded.stream.id())
            .bind(signed(discarded.version.get()))
            .bind(signed(discarded.position.get()))
            .bind(discarded.event_id.as_uuid())
            .bind(&discarded.reason);
        transaction
            .ask(async |connection| query.execute(connection).await)
            .await?;
        Ok(())
    }

    async fn discarded(&self, subscription: &str) -> Result<Vec<Discarded>, StoreError> {
        let query = sqlx::query_as(self.backend().statements.discarded.sql()).bind(subscription);
        let rows: Vec<Row> = self
            .backend()
            .ask(async |connection| query.fetch_all(connection).await)
            .await?;
        rows.into_iter()
            .map(|row| read(subscription, row))
            .collect()
    }
}

fn read(subscription: &str, row: Row) -> Result<Discarded, StoreError> {
    let (category, id, version, position, event_id, reason, at) = row;
    let stream = StreamId::new(Category::new(category)?, id)?;
    let discarded = Discarded::new(
        subscription,
        stream,
        Version::new(unsigned(version)),
        Position::new(unsigned(position)),
        EventId::from_uuid(event_id),
        reason,
    );
    Ok(discarded.at(SystemTime::from(at)))
}
