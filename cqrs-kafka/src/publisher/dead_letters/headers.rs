//! The headers of a dead letter: those of the record, then those of Spring Kafka's `DeadLetterPublishingRecoverer`.

use std::time::{SystemTime, UNIX_EPOCH};

use cqrs_core::{
    model::FailureKind,
    ports::{DeadLetter, TopicRecord},
};
use rdkafka::message::{Header, OwnedHeaders};

/// Spring replaces these.
const EXCEPTION: &str = "kafka_dlt-exception-";

pub(super) fn headers(letter: &DeadLetter, group: &str) -> OwnedHeaders {
    let record = &letter.record;
    let originals = record.headers.iter();
    let kept = originals.filter(|(name, _)| !name.starts_with(EXCEPTION));
    let all = kept.fold(OwnedHeaders::new(), |all, (key, value)| {
        all.insert(Header {
            key,
            value: value.as_deref(),
        })
    });
    let with = |all: OwnedHeaders, name: &str, value: &[u8]| {
        let key = &format!("kafka_dlt-{name}");
        let value = Some(value);
        all.insert(Header { key, value })
    };
    let offset = record.offset.get().cast_signed();
    let failure = format!("cqrs.{}", class(letter.parked.failure));
    let all = with(all, "original-topic", record.topic.as_bytes());
    let all = with(all, "original-partition", &record.partition.to_be_bytes());
    let all = with(all, "original-offset", &offset.to_be_bytes());
    let all = with(all, "original-timestamp", &millis(record).to_be_bytes());
    let all = with(all, "original-timestamp-type", timestamp_type(record));
    let all = with(all, "original-consumer-group", group.as_bytes());
    let all = with(all, "exception-fqcn", failure.as_bytes());
    with(all, "exception-message", letter.parked.reason.as_bytes())
}

/// As Java's `ConsumerRecord::timestamp`: -1 for none.
fn millis(record: &TopicRecord) -> i64 {
    let since = |at: SystemTime| at.duration_since(UNIX_EPOCH).ok();
    let since = record.timestamp.and_then(since);
    since
        .and_then(|since| i64::try_from(since.as_millis()).ok())
        .unwrap_or(-1)
}

/// As Java's `TimestampType::toString`.
fn timestamp_type(record: &TopicRecord) -> &'static [u8] {
    match (record.timestamp, record.append_time) {
        (None, _) => b"NoTimestampType",
        (Some(_), true) => b"LogAppendTime",
        (Some(_), false) => b"CreateTime",
    }
}

/// `TimedOut` for `timed out`.
fn class(failure: FailureKind) -> String {
    let words = failure.name().split(' ');
    words
        .flat_map(|word| {
            let (first, rest) = word.split_at(1);
            [first.to_ascii_uppercase(), rest.to_owned()]
        })
        .collect()
}
