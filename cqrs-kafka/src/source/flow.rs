//! Pauses and resumes the fetching of one partition.

use rdkafka::{
    TopicPartitionList,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::KafkaResult,
};

use super::partition::AssignedPartition;

/// Pauses fetching. A failure is logged: the buffer of the partition only gets larger.
pub(super) fn pause<C: ConsumerContext>(consumer: &BaseConsumer<C>, partition: &AssignedPartition) {
    if let Err(error) = consumer.pause(&list(partition)) {
        tracing::warn!(partition = %partition.id(), %error, "the partition could not be paused");
    }
}

/// Resumes fetching.
pub(super) fn resume<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partition: &AssignedPartition,
) -> KafkaResult<()> {
    consumer.resume(&list(partition))
}

fn list(partition: &AssignedPartition) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    list.add_partition(&partition.topic, partition.number);
    list
}
