//! Notices that the open transaction of another producer hides records.
//!
//! A `read_committed` consumer reads up to the last stable offset: the first record of the earliest transaction that is still
//! open. Everything behind it waits, whoever wrote it. The broker sends that offset and the end of the partition with every
//! response, and librdkafka hands both out in its statistics.

use std::{
    collections::HashMap,
    error::Error,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use cqrs_core::{
    model::{Offset, PartitionId},
    telemetry,
};
use rdkafka::statistics::{Partition, Statistics};

use super::{assignment::Assignment, partition::AssignedPartition};

/// How often librdkafka hands out its statistics.
pub(crate) const INTERVAL_MS: &str = "1000";

/// A transaction that is open for this long is reported.
const THRESHOLD: Duration = Duration::from_secs(5);

/// The time between two reports about a partition.
const REPEAT: Duration = Duration::from_secs(60);

/// The partitions of a member that wait for an open transaction.
#[derive(Debug, Default)]
pub(super) struct OpenTransactions(Mutex<HashMap<(Arc<str>, i32), Held>>);

/// A partition that waits.
#[derive(Debug)]
struct Held {
    at: i64,
    since: Instant,
    reported: Option<Instant>,
}

/// The records of a partition that an open transaction hides.
#[derive(Debug, PartialEq, Eq)]
struct Hidden {
    partition: PartitionId,
    from: Offset,
    to: Offset,
    lasted: Duration,
}

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: a transaction of another producer at offset {} has been open for {} s and hides everything up to offset {}; end it, \
             or wait until the broker aborts it after the producer's transaction.timeout.ms",
            self.partition,
            self.from,
            self.lasted.as_secs(),
            self.to
        )
    }
}

impl Error for Hidden {}

impl OpenTransactions {
    /// Looks at the partitions whose reader waits for records, and reports those that an open transaction holds back.
    pub(super) fn look(&self, statistics: &Statistics, assignment: &Assignment) {
        let now = Instant::now();
        for partition in assignment.all() {
            let of_topic = statistics.topics.get(&*partition.topic);
            let of_partition = of_topic.and_then(|topic| topic.partitions.get(&partition.number));
            let Some(found) = of_partition else { continue };
            report_lag(&partition, found, assignment);
            if let Some(hidden) = self.observe(&partition, found, now) {
                tracing::warn!(
                    partition = %hidden.partition,
                    offset = %hidden.from,
                    end = %hidden.to,
                    open = ?hidden.lasted,
                    "the open transaction of another producer hides records"
                );
                assignment.reporter.noted(&hidden);
            }
        }
    }

    fn observe(
        &self,
        partition: &AssignedPartition,
        found: &Partition,
        now: Instant,
    ) -> Option<Hidden> {
        let stable = found.ls_offset;
        let end = found.hi_offset;
        // A reader that has records to handle does not wait, and the offsets of a partition that is paused are old.
        let is_held = partition.is_waiting() && (0..end).contains(&stable);
        let key = (Arc::clone(&partition.topic), partition.number);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_held {
            if all.remove(&key).is_some() {
                measure(partition, Duration::ZERO);
            }
            return None;
        }
        let new = || Held {
            at: stable,
            since: now,
            reported: None,
        };
        let held = all.entry(key).or_insert_with(new);
        if held.at != stable {
            *held = new();
        }
        let lasted = now.saturating_duration_since(held.since);
        measure(partition, lasted);
        let is_due = held
            .reported
            .is_none_or(|reported| now.saturating_duration_since(reported) >= REPEAT);
        if lasted < THRESHOLD || !is_due {
            return None;
        }
        held.reported = Some(now);
        Some(Hidden {
            partition: partition.id(),
            from: offset(stable),
            to: offset(end),
            lasted,
        })
    }
}

fn offset(number: i64) -> Offset {
    Offset::new(number.unsigned_abs())
}

/// Reports how far the reader is behind the end of the partition, unless it waits for records and says so itself.
fn report_lag(partition: &AssignedPartition, found: &Partition, assignment: &Assignment) {
    let Some(events) = lag(partition, found) else {
        return;
    };
    if events > 0 {
        assignment.reporter.counted(&partition.id(), events);
    }
    #[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
    metrics::gauge!(telemetry::CONSUMER_LAG, &labels(partition)).set(events as f64);
}

/// The offsets between what was taken and the end; `None` if the end is not known. An open transaction hides what comes after it.
fn lag(partition: &AssignedPartition, found: &Partition) -> Option<u64> {
    if partition.is_waiting() {
        return Some(0);
    }
    let end = u64::try_from(found.ls_offset).ok()?;
    Some(end.saturating_sub(partition.taken().get()))
}

fn labels(partition: &AssignedPartition) -> [(&'static str, String); 2] {
    [
        ("topic", partition.topic.to_string()),
        ("partition", partition.number.to_string()),
    ]
}

fn measure(partition: &AssignedPartition, lasted: Duration) {
    metrics::gauge!(telemetry::CONSUMER_OPEN_TRANSACTION, &labels(partition))
        .set(lasted.as_secs_f64());
}

#[cfg(test)]
mod tests {
    use cqrs_core::model::Checkpoint;

    use super::*;

    #[test]
    fn an_open_transaction_is_reported_after_5_s_and_once_a_minute() {
        let open = OpenTransactions::default();
        let partition = AssignedPartition::new("shop.order".into(), 3);
        partition.accept_from(Checkpoint::default());
        let begin = Instant::now();
        let observe = |seconds, stable, end| {
            let found = Partition {
                ls_offset: stable,
                hi_offset: end,
                ..Partition::default()
            };
            let hidden = open.observe(&partition, &found, begin + Duration::from_secs(seconds));
            hidden.map(|hidden| (hidden.from.get(), hidden.to.get(), hidden.lasted.as_secs()))
        };
        assert_eq!(observe(0, -1001, -1001), None, "nothing is known");
        assert_eq!(observe(1, 7, 9), None);
        assert_eq!(observe(5, 7, 12), None);
        assert_eq!(observe(6, 7, 12), Some((7, 12, 5)));
        assert_eq!(observe(65, 7, 12), None);
        assert_eq!(observe(66, 7, 14), Some((7, 14, 65)));
        assert_eq!(observe(67, 8, 14), None, "it ended, and another is open");
        assert_eq!(observe(71, 8, 14), None);
        assert_eq!(observe(72, 8, 14), Some((8, 14, 5)));
        assert_eq!(observe(200, 14, 14), None, "none is open");
        assert_eq!(observe(201, 14, 15), None);
        assert_eq!(observe(206, 14, 15), Some((14, 15, 5)));
    }

    /// While the reader has records, it waits for its handler and not for a transaction.
    #[test]
    fn a_partition_that_is_not_waited_for_is_not_reported() {
        let open = OpenTransactions::default();
        let partition = AssignedPartition::new("shop.order".into(), 3);
        let found = Partition {
            ls_offset: 7,
            hi_offset: 9,
            ..Partition::default()
        };
        let begin = Instant::now();
        for seconds in 0..20 {
            let now = begin + Duration::from_secs(seconds);
            assert_eq!(open.observe(&partition, &found, now), None);
        }
        partition.accept_from(Checkpoint::default());
        let now = begin + Duration::from_secs(20);
        assert_eq!(
            open.observe(&partition, &found, now),
            None,
            "it waits since now"
        );
    }
}
