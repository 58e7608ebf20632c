//! Stops the partitions whose next offset the broker does not have.

use std::{ops::RangeInclusive, time::Duration};

use cqrs_core::{
    model::{Offset, PartitionId},
    ports::SourceError,
};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};

use super::{assignment::Assignment, flow::pause, partition::AssignedPartition};
use crate::error::ClientError;

/// Stops every partition that is out of range, and those whose range is not known.
///
/// librdkafka does not say which partition the error is about, so this compares all with the offsets of the broker.
pub(super) fn stop_out_of_range<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    assignment: &Assignment,
    timeout: Duration,
) {
    let partitions = assignment.all();
    let mut reading = Vec::new();
    for partition in &partitions {
        reading.extend(partition.next_offset().map(|next| (partition, next)));
    }
    let mut found = false;
    for (partition, next) in &reading {
        if let Err(error) = check_range(consumer, partition, *next, timeout) {
            stop(consumer, partition, error);
            found = true;
        }
    }
    if found {
        return;
    }
    // Nothing is out of range any more. One of the partitions no longer fetches, so all start again.
    for (partition, _) in reading {
        let reason = "the next offset was out of range for a moment";
        stop(consumer, partition, SourceError::Unavailable(reason.into()));
    }
}

fn stop<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partition: &AssignedPartition,
    error: SourceError,
) {
    pause(consumer, partition);
    partition.fail(error);
}

fn check_range<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    partition: &AssignedPartition,
    next: Offset,
    timeout: Duration,
) -> Result<(), SourceError> {
    let (low, high) = consumer
        .fetch_watermarks(&partition.topic, partition.number, timeout)
        .map_err(|error| SourceError::Unavailable(ClientError::from(error).into()))?;
    in_range(partition.id(), next, low, high)
}

/// Whether reading can continue at `offset` of a partition whose first record is at `low`, and whose next one comes to `high`.
pub(super) fn in_range(
    partition: PartitionId,
    offset: Offset,
    low: i64,
    high: i64,
) -> Result<(), SourceError> {
    let available = offsets(low, high);
    if available.contains(&offset) {
        return Ok(());
    }
    Err(SourceError::OutOfRange {
        partition,
        offset,
        available,
    })
}

/// The offset after the last record, `high`, is in range: the next record will have it.
pub(super) fn offsets(low: i64, high: i64) -> RangeInclusive<Offset> {
    let offset = |number| Offset::new(u64::try_from(number).unwrap_or_default());
    offset(low)..=offset(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_after_the_last_record_is_in_range() {
        let is_kept = |offset| offsets(3, 5).contains(&Offset::new(offset));
        assert!(!is_kept(2));
        assert!(is_kept(3) && is_kept(5));
        assert!(!is_kept(6) && !is_kept(u64::MAX));
    }
}
