//! Tells the partitions how far everything has arrived: beyond the last event there can be markers of transactions and aborted
//! records, which no consumer gets.

use cqrs_core::model::Offset;
use rdkafka::{
    Offset as KafkaOffset,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
};

use super::assignment::Assignment;

/// librdkafka's position moves with each record and marker that a poll takes. So everything before it has reached the poll
/// thread, which calls this. It is unknown from a seek to the first record after it.
pub(super) fn note_positions<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    assignment: &Assignment,
) {
    let Ok(positions) = consumer.position() else {
        return;
    };
    for position in positions.elements() {
        let KafkaOffset::Offset(offset) = position.offset() else {
            continue;
        };
        let partition = assignment.find(position.topic(), position.partition());
        if let (Some(partition), Ok(offset)) = (partition, u64::try_from(offset)) {
            partition.arrived(Offset::new(offset));
        }
    }
}
