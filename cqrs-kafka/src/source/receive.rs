//! Decodes a record and puts it into the buffer of its partition.

use std::{
    panic::{self, AssertUnwindSafe},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use cqrs_core::{
    RecordedEvent, StreamId,
    model::Offset,
    ports::{SourceError, TopicRecord, UnreadableRecord},
};
use rdkafka::{
    Message, Timestamp,
    message::{BorrowedMessage, Headers},
};

use super::{
    all_headers::{UNREADABLE_NAME, all_headers},
    partition::{AssignedPartition, Content, FlowChange},
};
use crate::wire::{Decoder, MAX_HEADERS, Received, WireError};

/// Puts the event of a record into the buffer, or the record itself if it is not an event; an error where the topic is at fault.
pub(super) fn receive(
    partition: &AssignedPartition,
    decoder: &mut Decoder,
    record: &BorrowedMessage<'_>,
) -> FlowChange {
    let offset = Offset::new(u64::try_from(record.offset()).unwrap_or_default());
    if !partition.accepts(offset) {
        return FlowChange::None;
    }
    match decode(decoder, record, offset) {
        Ok(event) => {
            let keep = partition.keeps_records();
            let record = keep.then(|| Box::new(whole(&partition.topic, record, offset)));
            partition.push(offset, Content::Event(Box::new(event), record))
        }
        Err(error) if error.is_of_record() => {
            let record = whole(&partition.topic, record, offset);
            let stream = stream_of(decoder, &record);
            let unreadable = UnreadableRecord::new(record, stream);
            partition.push(offset, Content::Unreadable(Box::new(unreadable)))
        }
        Err(error) => {
            partition.fail(SourceError::Malformed {
                partition: partition.id(),
                offset,
                reason: error.into(),
            });
            FlowChange::Pause
        }
    }
}

/// A record with all of its parts.
fn whole(topic: &Arc<str>, record: &BorrowedMessage<'_>, offset: Offset) -> TopicRecord {
    let bytes = |part: Option<&[u8]>| part.map(Bytes::copy_from_slice);
    let (key, value) = (bytes(record.key()), bytes(record.payload()));
    let headers = all_headers(record).collect();
    let topic = Arc::clone(topic);
    let whole = TopicRecord::whole(topic, record.partition(), offset, key, value, headers);
    let millis = record.timestamp().to_millis();
    let append_time = matches!(record.timestamp(), Timestamp::LogAppendTime(_));
    let whole = whole.append_time(append_time);
    whole.timestamp(millis.and_then(|millis| {
        let since = Duration::from_millis(u64::try_from(millis).ok()?);
        UNIX_EPOCH.checked_add(since)
    }))
}

/// The stream of a record that is not an event, as far as it can be read.
fn stream_of(decoder: &mut Decoder, record: &TopicRecord) -> Option<StreamId> {
    decoder.stream_of(parts(record), headers_of(record).take(MAX_HEADERS))
}

/// The event of a record that was kept.
pub(super) fn decode_kept(
    decoder: &mut Decoder,
    record: &TopicRecord,
) -> Result<RecordedEvent, WireError> {
    // As for a record that arrives: the name of a header is not UTF-8.
    if record
        .headers
        .iter()
        .any(|(name, _)| name == UNREADABLE_NAME)
    {
        return Err(WireError::HeaderName);
    }
    decoder.decode(parts(record), headers_of(record).take(MAX_HEADERS + 1))
}

fn parts(record: &TopicRecord) -> Received<'_> {
    let since = |at: SystemTime| at.duration_since(UNIX_EPOCH).ok();
    let millis = |since: Duration| i64::try_from(since.as_millis()).ok();
    Received {
        topic: &record.topic,
        offset: record.offset.get(),
        key: record.key.as_deref(),
        payload: record.value.as_deref(),
        timestamp: record.timestamp.and_then(since).and_then(millis),
    }
}

fn headers_of(record: &TopicRecord) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
    let headers = record.headers.iter();
    headers.map(|(name, value)| (name.as_str(), value.as_deref()))
}

/// The event of a record.
pub(super) fn decode(
    decoder: &mut Decoder,
    record: &BorrowedMessage<'_>,
    offset: Offset,
) -> Result<RecordedEvent, WireError> {
    let received = Received {
        topic: record.topic(),
        offset: offset.get(),
        key: record.key(),
        payload: record.payload(),
        timestamp: record.timestamp().to_millis(),
    };
    decoder.decode(received, headers(record)?)
}

fn headers<'a>(
    record: &'a BorrowedMessage<'_>,
) -> Result<Vec<(&'a str, Option<&'a [u8]>)>, WireError> {
    let collect = || {
        let headers = record.headers().into_iter().flat_map(Headers::iter);
        // The decoder rejects a record that has more.
        let headers = headers.take(MAX_HEADERS + 1);
        headers.map(|header| (header.key, header.value)).collect()
    };
    // rdkafka panics when the name of a header is not UTF-8. Such a record must not end the poll thread.
    panic::catch_unwind(AssertUnwindSafe(collect)).map_err(|_| WireError::HeaderName)
}
