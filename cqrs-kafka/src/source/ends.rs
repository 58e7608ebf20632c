//! Finds the ends of topics: the offset after the last event of each partition.

use std::sync::Arc;

use cqrs_core::model::{Offset, PartitionId};
use rdkafka::Message;

use super::SourceOptions;
use crate::{cluster::ClusterClient, error::KafkaError, partition_reader::PartitionReader};

/// Where each partition of the topics ends. Partitions without events are left out. Blocks.
pub(super) fn find_ends(options: &SourceOptions) -> Result<Vec<(PartitionId, Offset)>, KafkaError> {
    let cluster = ClusterClient::connect(&options.config)?;
    let reader = PartitionReader::new(&options.config, &options.group)?;
    let mut ends = Vec::new();
    for topic in &options.topics {
        let partitions = cluster.partitions_in_time(topic)?;
        let topic: Arc<str> = topic.as_str().into();
        for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
            if let Some(last) = reader.last(&topic, partition, |record| record.offset())? {
                let topic = Arc::clone(&topic);
                let end = Offset::new(last.unsigned_abs() + 1);
                ends.push((PartitionId::Topic { topic, partition }, end));
            }
        }
    }
    Ok(ends)
}
