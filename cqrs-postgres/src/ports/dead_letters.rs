//! The records that could not be handled and are not published: those in front of parked keys.

use cqrs_core::{
    StoreError,
    model::PartitionId,
    ports::{DeadLetter, ParkedKey},
};

use super::{
    parked_row::ParkedRow,
    waiting::{self, topic_of},
};
use crate::{
    row::{signed, unsigned},
    store::PgEventStore,
};

pub(super) async fn next(
    store: &PgEventStore,
    subscription: &str,
    partition: &PartitionId,
    after: Option<u64>,
) -> Result<Option<DeadLetter>, StoreError> {
    let query = sqlx::query_as(store.backend().statements.next_dead_letter.sql())
        .bind(subscription)
        .bind(topic_of(Some(partition)))
        .bind(signed(after.unwrap_or_default()));
    let row: Option<Row> = store
        .backend()
        .ask(async |connection| query.fetch_optional(connection).await)
        .await?;
    row.map(|row| row.into_letter(subscription)).transpose()
}

pub(super) async fn published(store: &PgEventStore, letter: &DeadLetter) -> Result<(), StoreError> {
    let query = sqlx::query(store.backend().statements.dead_letter_published.sql())
        .bind(signed(letter.id))
        .bind(&letter.parked.subscription);
    store
        .backend()
        .ask(async |connection| query.execute(connection).await)
        .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    /// From 1 on.
    id: i64,
    #[sqlx(flatten)]
    record: waiting::Row,
    #[sqlx(flatten)]
    parked: ParkedRow,
}

impl Row {
    fn into_letter(self, subscription: &str) -> Result<DeadLetter, StoreError> {
        let record = self.record.into_record()?;
        let parked: ParkedKey = self.parked.into_parked(subscription)?;
        Ok(DeadLetter::new(unsigned(self.id), parked, record))
    }
}
