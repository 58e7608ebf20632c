//! Looks at the first record of a partition from an offset on, outside of the group.

use std::sync::Arc;

use cqrs_core::{
    model::{Offset, PartitionId},
    ports::{FoundRecord, SourceError, TopicRecord},
};
use rdkafka::{Message, message::BorrowedMessage};

use super::{SourceOptions, all_headers::all_headers, out_of_range::in_range, receive::decode};
use crate::{error::KafkaError, partition_reader::PartitionReader, wire::Decoder};

/// The first record at or after `from` that a consumer gets. Blocks.
pub(super) fn find_first(
    options: &SourceOptions,
    partition: &PartitionId,
    from: Option<Offset>,
) -> Result<Option<FoundRecord>, SourceError> {
    let (topic, number) = match partition {
        PartitionId::Topic { topic, partition }
            if options.topics.iter().any(|t| **t == **topic) =>
        {
            (topic, *partition)
        }
        _ => {
            return Err(KafkaError::NotRead {
                group: options.group.clone(),
                partition: partition.to_string(),
                topics: options.topics.join(", "),
            }
            .into());
        }
    };
    let reader = PartitionReader::new(&options.config, &options.group)?;
    let (low, high) = reader.range(topic, number)?;
    let from = match from {
        None => low,
        Some(from) => {
            in_range(partition.clone(), from, low, high)?;
            i64::try_from(from.get()).unwrap_or(i64::MAX)
        }
    };
    let look = |record: &BorrowedMessage<'_>| found(options, topic, record);
    Ok(reader.first(topic, number, from, look)?)
}

fn found(options: &SourceOptions, topic: &Arc<str>, record: &BorrowedMessage<'_>) -> FoundRecord {
    let offset = Offset::new(u64::try_from(record.offset()).unwrap_or_default());
    let mut decoder = Decoder::new(options.config.prefix());
    let event = decode(&mut decoder, record, offset).ok();
    let record = TopicRecord::new(
        Arc::clone(topic),
        record.partition(),
        offset,
        record.key(),
        record.payload(),
        all_headers(record),
    );
    FoundRecord::new(record, event)
}
