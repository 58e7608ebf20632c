//! Reads the progress of a shard from its partition of the progress topic.

use std::time::{Duration, Instant};

use cqrs_core::ports::BoxError;
use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError as LibraryError,
};
use uuid::Uuid;

use super::{
    progress::{ProgressRecord, ShardProgress},
    shard::Shard,
};
use crate::{
    error::{KafkaError, internal, unreadable},
    logging::{LoggingContext, is_about_the_group, reading_client},
};

/// How long to wait for the next record before the brokers count as unreachable.
const STALL_LIMIT: Duration = Duration::from_secs(30);

/// Where reading ends.
#[derive(Debug, Clone, Copy)]
pub(super) enum ReadUntil {
    /// At this claim, which is known to be committed.
    Claim(Uuid),
    /// At the last record that is committed now.
    End,
}

/// Reads all records of the shard and folds them into its progress. Blocks.
pub(super) fn read_progress(shard: &Shard, until: ReadUntil) -> Result<ShardProgress, KafkaError> {
    let topic = shard.progress_topic();
    let consumer = consumer(shard, &topic)?;
    let mut progress = ShardProgress::default();
    let mut foreign = 0;
    let mut last_record = Instant::now();
    loop {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                last_record = Instant::now();
                let Some(record) = parse(shard, &topic, &message)? else {
                    foreign += 1;
                    continue;
                };
                let is_last = is_claim(&record, until);
                progress.apply(record);
                if is_last {
                    report_foreign(&topic, shard.number, foreign);
                    return Ok(progress);
                }
            }
            // A look before a claim. Records of others are counted by the read up to the claim.
            Some(Err(LibraryError::PartitionEOF(_))) if matches!(until, ReadUntil::End) => {
                return Ok(progress);
            }
            Some(Err(LibraryError::PartitionEOF(_))) | None => {}
            Some(Err(error)) if is_about_the_group(&error) => {}
            Some(Err(error)) => {
                if let Some(error) = unreadable(&topic, &error) {
                    return Err(error);
                }
                tracing::warn!(topic, %error, "reading the progress of a relay is delayed");
            }
        }
        if last_record.elapsed() > STALL_LIMIT {
            return Err(KafkaError::Unreachable {
                brokers: shard.config.brokers().to_owned(),
                waited: STALL_LIMIT,
                source: format!("no record of the progress topic {topic:?} arrived").into(),
            });
        }
    }
}

/// Counts and logs the records of other programs in the progress topic.
fn report_foreign(topic: &str, partition: u16, records: u64) {
    if records == 0 {
        return;
    }
    tracing::warn!(
        topic,
        partition,
        records,
        "passed over records of other programs in the progress topic of a relay; only the relay should write there"
    );
    metrics::counter!(cqrs_core::telemetry::RELAY_FOREIGN_RECORDS, "topic" => topic.to_owned())
        .increment(records);
}

fn consumer(shard: &Shard, topic: &str) -> Result<BaseConsumer<LoggingContext>, KafkaError> {
    let defaults = [("fetch.wait.max.ms", "50")];
    let fixed = [
        // librdkafka requires a group name. No group is joined and no offset is committed.
        ("group.id", topic),
        ("enable.auto.commit", "false"),
        ("enable.partition.eof", "true"),
        ("isolation.level", "read_committed"),
        ("auto.offset.reset", "earliest"),
    ];
    let consumer = reading_client(&shard.config, &shard.config.client(&defaults, &fixed))?;
    let mut start = TopicPartitionList::new();
    start
        .add_partition_offset(topic, i32::from(shard.number), Offset::Beginning)
        .and_then(|()| consumer.assign(&start))
        .map_err(|error| internal("the progress topic could not be assigned", error))?;
    Ok(consumer)
}

fn is_claim(record: &ProgressRecord, until: ReadUntil) -> bool {
    match (record, until) {
        (ProgressRecord::Claim(found), ReadUntil::Claim(wanted)) => found.claim == wanted,
        _ => false,
    }
}

/// The progress record; `None` if the key is not one of a relay's. Then another program has written the record.
fn parse(
    shard: &Shard,
    topic: &str,
    message: &impl Message,
) -> Result<Option<ProgressRecord>, KafkaError> {
    if !message.key().is_some_and(ProgressRecord::is_key) {
        return Ok(None);
    }
    let payload = message.payload().unwrap_or_default();
    let record = ProgressRecord::from_json(payload).map_err(BoxError::from);
    let record = record.and_then(|record| {
        record.check(message.key(), shard.partitions)?;
        Ok(record)
    });
    record
        .map(Some)
        .map_err(|source| KafkaError::InvalidProgress {
            topic: topic.to_owned(),
            partition: shard.number,
            offset: message.offset(),
            source,
        })
}
