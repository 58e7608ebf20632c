//! Decodes a record and puts it into the buffer of its partition.

use std::panic::{self, AssertUnwindSafe};

use cqrs_core::{RecordedEvent, model::Offset, ports::SourceError};
use rdkafka::{
    Message,
    message::{BorrowedMessage, Headers},
};

use super::partition::{AssignedPartition, FlowChange};
use crate::wire::{Decoder, MAX_HEADERS, Received, WireError};

/// Puts the event of a record into the buffer, or an error if the record is not an event.
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
        Ok(event) => partition.push(offset, event),
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
