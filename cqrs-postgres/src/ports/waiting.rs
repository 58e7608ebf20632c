//! The records of topics that wait for a parked key: one row each.

use std::time::SystemTime;

use bytes::Bytes;
use cqrs_core::{
    StoreError, StoreErrorKind,
    model::{Offset, PartitionId},
    ports::{ParkedKey, TopicRecord, WaitingRecord},
};
use time::OffsetDateTime;

use crate::{
    row::{signed, unsigned},
    store::PgEventStore,
    transaction::PgTransaction,
};

/// What the column `partition` holds: the partition of a topic, or nothing for the log.
pub(super) fn topic_of(partition: Option<&PartitionId>) -> String {
    match partition {
        Some(topic @ PartitionId::Topic { .. }) => topic.to_string(),
        _ => String::new(),
    }
}

/// All records are of one partition: that of the transaction's checkpoint.
pub(super) async fn wait(
    store: &PgEventStore,
    transaction: &mut PgTransaction,
    subscription: &str,
    records: &[WaitingRecord],
) -> Result<(), StoreError> {
    let Some(first) = records.first() else {
        return Ok(());
    };
    let bytes = |part: &Option<Bytes>| part.as_ref().map(|part| part.to_vec());
    let key = |waiting: &WaitingRecord| (waiting.key.to_string(), waiting.key.stream().is_some());
    let (keys, are_streams): (Vec<_>, Vec<_>) = records.iter().map(key).unzip();
    let of = |waiting: &WaitingRecord| signed(waiting.record.offset.get());
    let offsets: Vec<_> = records.iter().map(of).collect();
    let records = records.iter().map(|waiting| &waiting.record);
    let record_keys: Vec<_> = records.clone().map(|record| bytes(&record.key)).collect();
    let values: Vec<_> = records.clone().map(|record| bytes(&record.value)).collect();
    let headers: Vec<_> = records
        .clone()
        .map(|record| headers(&record.headers))
        .collect();
    let append_times: Vec<_> = records.clone().map(|record| record.append_time).collect();
    let timestamps = records.map(|record| record.timestamp.map(OffsetDateTime::from));
    let query = sqlx::query(store.backend().statements.wait.sql())
        .bind(subscription)
        .bind(first.record.partition_id().to_string())
        .bind(&*first.record.topic)
        .bind(first.record.partition)
        .bind(offsets)
        .bind(keys)
        .bind(are_streams)
        .bind(record_keys)
        .bind(values)
        .bind(headers)
        .bind(timestamps.collect::<Vec<_>>())
        .bind(append_times);
    transaction
        .ask(async |connection| query.execute(connection).await)
        .await?;
    Ok(())
}

pub(super) async fn records(
    store: &PgEventStore,
    parked: &ParkedKey,
    limit: usize,
) -> Result<Vec<TopicRecord>, StoreError> {
    let query = sqlx::query_as(store.backend().statements.waiting_records.sql())
        .bind(&parked.subscription)
        .bind(topic_of(parked.topic.as_ref()))
        .bind(parked.key.to_string())
        .bind(parked.key.stream().is_some())
        .bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let rows: Vec<Row> = store
        .backend()
        .ask(async |connection| query.fetch_all(connection).await)
        .await?;
    rows.into_iter().map(Row::into_record).collect()
}

pub(super) async fn count(store: &PgEventStore, parked: &ParkedKey) -> Result<u64, StoreError> {
    let query = sqlx::query_scalar(store.backend().statements.count_waiting_records.sql())
        .bind(&parked.subscription)
        .bind(topic_of(parked.topic.as_ref()))
        .bind(parked.key.to_string())
        .bind(parked.key.stream().is_some());
    let count: i64 = store
        .backend()
        .ask(async |connection| query.fetch_one(connection).await)
        .await?;
    Ok(unsigned(count))
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    topic: String,
    number: i32,
    offset: i64,
    record_key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: String,
    recorded_at: Option<OffsetDateTime>,
    append_time: bool,
}

impl Row {
    pub(super) fn into_record(self) -> Result<TopicRecord, StoreError> {
        let offset = Offset::new(unsigned(self.offset));
        let headers = read(&self.headers)?;
        let (key, value) = (
            self.record_key.map(Bytes::from),
            self.value.map(Bytes::from),
        );
        let record = TopicRecord::whole(self.topic, self.number, offset, key, value, headers);
        let record = record.append_time(self.append_time);
        Ok(record.timestamp(self.recorded_at.map(SystemTime::from)))
    }
}

/// JSON pairs of name and value. A value is any bytes, and each is the character with its number: most values are text, and stay readable.
fn headers(headers: &[(String, Option<Bytes>)]) -> String {
    let text = |value: &Bytes| value.iter().copied().map(char::from).collect::<String>();
    let pairs = headers
        .iter()
        .map(|(name, value)| (name, value.as_ref().map(text)));
    let pairs: Vec<_> = pairs.collect();
    serde_json::to_string(&pairs).expect("pairs of text always have a JSON form")
}

fn read(headers: &str) -> Result<Vec<(String, Option<Bytes>)>, StoreError> {
    let undecodable = || {
        let message = "a row of the table waiting has headers that are not pairs of name and bytes: it was changed by hand; \
                       restore it";
        StoreError::new(StoreErrorKind::Undecodable, message)
    };
    let pairs: Vec<(String, Option<String>)> =
        serde_json::from_str(headers).map_err(|error| undecodable().caused_by(error))?;
    let bytes = |text: String| {
        let bytes = text.chars().map(u8::try_from);
        bytes
            .collect::<Result<Bytes, _>>()
            .map_err(|error| undecodable().caused_by(error))
    };
    let pair = |(name, value): (String, Option<String>)| Ok((name, value.map(bytes).transpose()?));
    pairs.into_iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_kept_with_every_byte() {
        let every = Bytes::from_iter(0..=255);
        let kept = vec![
            ("a".to_owned(), Some(every)),
            ("a".to_owned(), None),
            ("\u{fffd}".to_owned(), Some(Bytes::new())),
        ];
        assert_eq!(read(&headers(&kept)).expect("reads"), kept);
        for broken in ["", "{}", "[[\"a\", \"\u{100}\"]]"] {
            assert!(read(broken).is_err(), "{broken}");
        }
    }
}
