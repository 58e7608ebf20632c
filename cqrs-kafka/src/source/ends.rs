//! Finds the ends of topics, the offset after the last event of each partition, and the offsets at which reading can continue.

use std::{ops::RangeInclusive, sync::Arc};

use cqrs_core::model::{Offset, PartitionId};
use rdkafka::Message;

use super::{SourceOptions, out_of_range::offsets};
use crate::{cluster::ClusterClient, error::KafkaError, partition_reader::PartitionReader};

/// Where each partition of the topics ends. Partitions without events are left out. Blocks.
pub(super) fn find_ends(options: &SourceOptions) -> Result<Vec<(PartitionId, Offset)>, KafkaError> {
    let mut ends = Vec::new();
    for_each_partition(options, |reader, topic, partition| {
        if let Some(last) = reader.last(topic, partition, |record| record.offset())? {
            let end = Offset::new(last.unsigned_abs() + 1);
            ends.push((id(topic, partition), end));
        }
        Ok(())
    })?;
    Ok(ends)
}

/// The offsets at which reading can continue, of every partition of the topics. Blocks.
pub(super) fn find_ranges(
    options: &SourceOptions,
) -> Result<Vec<(PartitionId, RangeInclusive<Offset>)>, KafkaError> {
    let mut ranges = Vec::new();
    for_each_partition(options, |reader, topic, partition| {
        let (low, high) = reader.range(topic, partition)?;
        ranges.push((id(topic, partition), offsets(low, high)));
        Ok(())
    })?;
    Ok(ranges)
}

fn for_each_partition(
    options: &SourceOptions,
    mut look: impl FnMut(&PartitionReader, &Arc<str>, i32) -> Result<(), KafkaError>,
) -> Result<(), KafkaError> {
    let cluster = ClusterClient::connect(&options.config)?;
    let reader = PartitionReader::new(&options.config, &options.group)?;
    for topic in &options.topics {
        let partitions = cluster.partitions_in_time(topic)?;
        let topic: Arc<str> = topic.as_str().into();
        for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
            look(&reader, &topic, partition)?;
        }
    }
    Ok(())
}

fn id(topic: &Arc<str>, partition: i32) -> PartitionId {
    PartitionId::Topic {
        topic: Arc::clone(topic),
        partition,
    }
}
