//! Reads the progress of a shard from its partition of the progress topic.

use std::time::{Duration, Instant};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError as LibraryError, RDKafkaErrorCode as Code},
};
use uuid::Uuid;

use super::{
    progress::{ProgressRecord, ShardProgress},
    shard::Shard,
};
use crate::{
    error::{KafkaError, denied, internal, invalid_setting},
    logging::LoggingContext,
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
    let mut last_record = Instant::now();
    loop {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(message)) => {
                last_record = Instant::now();
                let record = parse(shard, &topic, &message)?;
                let is_last = is_claim(&record, until);
                progress.apply(record);
                if is_last {
                    return Ok(progress);
                }
            }
            Some(Err(LibraryError::PartitionEOF(_))) if matches!(until, ReadUntil::End) => {
                return Ok(progress);
            }
            Some(Err(error)) => check_retryable(&topic, &error)?,
            None => {}
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
    let consumer: BaseConsumer<LoggingContext> = shard
        .config
        .client(&defaults, &fixed)
        .create_with_context(LoggingContext::default())
        .map_err(invalid_setting)?;
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

fn parse(shard: &Shard, topic: &str, message: &impl Message) -> Result<ProgressRecord, KafkaError> {
    let payload = message.payload().unwrap_or_default();
    ProgressRecord::from_json(payload).map_err(|error| KafkaError::InvalidProgress {
        topic: topic.to_owned(),
        partition: shard.number,
        offset: message.offset(),
        source: error.into(),
    })
}

/// librdkafka retries by itself, except when rights are missing.
fn check_retryable(topic: &str, error: &LibraryError) -> Result<(), KafkaError> {
    if let Some(code @ Code::TopicAuthorizationFailed) = error.rdkafka_error_code() {
        return Err(denied(format!("topic {topic:?}"), "READ", code));
    }
    tracing::warn!(topic, %error, "reading the progress of a relay is delayed");
    Ok(())
}
