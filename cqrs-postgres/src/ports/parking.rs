//! The parked keys of subscriptions: one row each.

use cqrs_core::{
    RecordedEvent, StoreError, StreamId, Version,
    model::{OrderingKey, PartitionId, Slices},
    ports::{DeadLetter, LogQuery, ParkedKey, ParkedRequest, Parking, TopicRecord, WaitingRecord},
};

use super::{
    dead_letters,
    log::up_to_bytes,
    parked_row::{KeyColumns, ParkedRow},
    waiting::{self, topic_of},
};
use crate::{
    row::{self, signed, unsigned},
    store::PgEventStore,
    transaction::PgTransaction,
};

impl Parking for PgEventStore {
    async fn parked_keys(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Vec<OrderingKey>, StoreError> {
        let query = sqlx::query_as(self.backend().statements.parked_keys.sql());
        let slices = slices_of(partition);
        let query = query
            .bind(subscription)
            .bind(number(slices.from()))
            .bind(number(slices.to()))
            .bind(topic_of(Some(partition)));
        let rows: Vec<KeyColumns> = self
            .backend()
            .ask(async |connection| query.fetch_all(connection).await)
            .await?;
        rows.into_iter().map(KeyColumns::into_key).collect()
    }

    async fn park_in(
        &self,
        transaction: &mut PgTransaction,
        parked: &ParkedKey,
        at_most: u64,
    ) -> Result<bool, StoreError> {
        let query = sqlx::query_scalar(self.backend().statements.park.sql());
        let event = &parked.event;
        let query = query
            .bind(&parked.subscription)
            .bind(parked.key.to_string())
            .bind(parked.key.stream().is_some())
            .bind(i32::from(number(parked.key.slice())))
            .bind(event.stream.category().as_str())
            .bind(event.stream.id())
            .bind(signed(event.version.get()))
            .bind(signed(event.position.get()))
            .bind(event.id.as_uuid())
            .bind(&event.event_type)
            .bind(parked.failure.name())
            .bind(&parked.reason)
            .bind(parked.fingerprint.get().cast_signed())
            .bind(attempts(parked))
            .bind(signed(at_most))
            .bind(topic_of(parked.topic.as_ref()))
            .bind(event.offset.map(|offset| signed(offset.get())));
        transaction
            .ask(async |connection| query.fetch_one(connection).await)
            .await
    }

    async fn wait_in(
        &self,
        transaction: &mut PgTransaction,
        subscription: &str,
        records: &[WaitingRecord],
    ) -> Result<(), StoreError> {
        waiting::wait(self, transaction, subscription, records).await
    }

    async fn waiting_records(
        &self,
        parked: &ParkedKey,
        limit: usize,
    ) -> Result<Vec<TopicRecord>, StoreError> {
        waiting::records(self, parked, limit).await
    }

    async fn next_dead_letter(
        &self,
        subscription: &str,
        partition: &PartitionId,
        after: Option<u64>,
    ) -> Result<Option<DeadLetter>, StoreError> {
        dead_letters::next(self, subscription, partition, after).await
    }

    async fn dead_letter_published(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        dead_letters::published(self, letter).await
    }

    async fn requested(
        &self,
        subscription: &str,
        partition: &PartitionId,
    ) -> Result<Vec<ParkedKey>, StoreError> {
        let query = sqlx::query_as(self.backend().statements.requested.sql());
        let slices = slices_of(partition);
        let query = query
            .bind(subscription)
            .bind(number(slices.from()))
            .bind(number(slices.to()))
            .bind(topic_of(Some(partition)));
        let rows: Vec<ParkedRow> = self
            .backend()
            .ask(async |connection| query.fetch_all(connection).await)
            .await?;
        let read = |row: ParkedRow| row.into_parked(subscription);
        rows.into_iter().map(read).collect()
    }

    async fn update_parked_in(
        &self,
        transaction: &mut PgTransaction,
        parked: &ParkedKey,
        handled: usize,
    ) -> Result<bool, StoreError> {
        let (requested, reason) = columns(parked.requested.as_ref());
        let event = &parked.event;
        let query = sqlx::query(self.backend().statements.update_parked.sql())
            .bind(&parked.subscription)
            .bind(parked.key.to_string())
            .bind(parked.key.stream().is_some())
            .bind(number(parked.key.slice()))
            .bind(event.stream.category().as_str())
            .bind(event.stream.id())
            .bind(signed(event.version.get()))
            .bind(signed(event.position.get()))
            .bind(event.id.as_uuid())
            .bind(&event.event_type)
            .bind(parked.failure.name())
            .bind(&parked.reason)
            .bind(parked.fingerprint.get().cast_signed())
            .bind(attempts(parked))
            .bind(requested)
            .bind(reason)
            .bind(topic_of(parked.topic.as_ref()))
            .bind(event.offset.map(|offset| signed(offset.get())))
            .bind(i64::try_from(handled).unwrap_or(i64::MAX));
        let done = transaction
            .ask(async |connection| query.execute(connection).await)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn unpark_in(
        &self,
        transaction: &mut PgTransaction,
        parked: &ParkedKey,
    ) -> Result<bool, StoreError> {
        let query = sqlx::query(self.backend().statements.unpark.sql())
            .bind(&parked.subscription)
            .bind(parked.key.to_string())
            .bind(parked.key.stream().is_some())
            .bind(topic_of(parked.topic.as_ref()));
        let done = transaction
            .ask(async |connection| query.execute(connection).await)
            .await?;
        Ok(done.rows_affected() == 1)
    }

    async fn parked(&self, subscription: &str) -> Result<Vec<ParkedKey>, StoreError> {
        let query = sqlx::query_as(self.backend().statements.parked.sql()).bind(subscription);
        let rows: Vec<ParkedRow> = self
            .backend()
            .ask(async |connection| query.fetch_all(connection).await)
            .await?;
        let read = |row: ParkedRow| row.into_parked(subscription);
        rows.into_iter().map(read).collect()
    }

    async fn waiting(&self, parked: &ParkedKey) -> Result<u64, StoreError> {
        if parked.topic.is_some() {
            return waiting::count(self, parked).await;
        }
        let Some(stream) = parked.key.stream() else {
            return Ok(1);
        };
        let query = sqlx::query_scalar(self.backend().statements.waiting.sql())
            .bind(&parked.subscription)
            .bind(stream.category().as_str())
            .bind(stream.id())
            .bind(signed(parked.event.version.get()))
            .bind(number(stream.slice()));
        let count: i64 = self
            .backend()
            .ask(async |connection| query.fetch_one(connection).await)
            .await?;
        Ok(unsigned(count))
    }

    async fn read_stream_page(
        &self,
        stream: &StreamId,
        after: Version,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        let query = sqlx::query(self.backend().statements.read_stream_page.sql())
            .bind(stream.category().as_str())
            .bind(stream.id())
            .bind(signed(after.get()))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let page = self
            .backend()
            .ask(async |connection| {
                up_to_bytes(query.fetch(connection), limit, LogQuery::BYTES).await
            })
            .await?;
        row::read_stream(stream, &page.rows)
    }
}

/// The columns of a request and of its reason.
fn columns(request: Option<&ParkedRequest>) -> (Option<&'static str>, Option<&str>) {
    match request {
        Some(ParkedRequest::Discard { reason }) => (Some("discard"), Some(reason)),
        Some(_) => (Some("redrive"), None),
        None => (None, None),
    }
}

fn attempts(parked: &ParkedKey) -> i32 {
    i32::try_from(parked.attempts).unwrap_or(i32::MAX)
}

fn number(slice: u16) -> i16 {
    i16::try_from(slice).unwrap_or(i16::MAX)
}

fn slices_of(partition: &PartitionId) -> Slices {
    match partition {
        PartitionId::Log(slices) => *slices,
        PartitionId::Topic { .. } => Slices::ALL,
    }
}
