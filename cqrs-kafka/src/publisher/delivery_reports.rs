//! Counts the delivery reports of one transaction, and wakes the thread that waits for them.

use std::{
    error::Error,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext, Message,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    error::{KafkaError as LibraryError, RDKafkaErrorCode as Code},
    producer::{DeliveryResult, ProducerContext},
};

use crate::{
    config::KafkaConfig,
    logging::{Callbacks, log},
};

/// How long to collect further failures after the first one, because a broker rejects records in groups.
const FAILURE_WINDOW: Duration = Duration::from_millis(50);

/// The reports of one transaction. The opaque value of a record is its index in the batch.
#[derive(Debug)]
pub(super) struct DeliveryReports {
    callbacks: Callbacks,
    counts: Mutex<Counts>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Counts {
    /// Reports of success and of failure.
    reported: usize,
    /// The waiting thread is woken at this count.
    wanted: usize,
    failed: Vec<FailedRecord>,
    written: Vec<WrittenRecords>,
    /// The topic that must not be written to.
    denied: Option<String>,
}

/// The records of the transaction in one partition.
#[derive(Debug, Clone)]
pub(super) struct WrittenRecords {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// The lowest offset.
    pub(super) first: i64,
    /// The highest offset.
    pub(super) last: i64,
    /// The index of the last record in the batch.
    pub(super) index: usize,
}

/// A record that was not written.
#[derive(Debug, Clone, Copy)]
pub(super) struct FailedRecord {
    /// Its index in the batch.
    pub(super) index: usize,
    pub(super) code: Code,
}

impl DeliveryReports {
    pub(super) fn new(config: &KafkaConfig) -> Self {
        Self {
            callbacks: Callbacks::new(config),
            counts: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// Starts counting for the next transaction. Every report of the last one has arrived by then.
    pub(super) fn reset(&self) {
        *self.counts() = Counts::default();
    }

    /// Waits for `wanted` reports, for a failure, or until the deadline. Returns whether one of the first two happened.
    pub(super) fn wait(&self, wanted: usize, mut deadline: Instant) -> bool {
        let mut counts = self.counts();
        let mut failed = false;
        counts.wanted = wanted;
        while counts.reported < wanted {
            if !failed && !counts.failed.is_empty() {
                failed = true;
                deadline = deadline.min(Instant::now() + FAILURE_WINDOW);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return failed;
            }
            let waited = self.changed.wait_timeout(counts, left);
            counts = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    pub(super) fn count(&self) -> usize {
        self.counts().reported
    }

    pub(super) fn failed(&self) -> Vec<FailedRecord> {
        self.counts().failed.clone()
    }

    /// What was written since the reset.
    pub(super) fn written(&self) -> Vec<WrittenRecords> {
        self.counts().written.clone()
    }

    /// The topic that this user must not write to. The records then fail as purged, and only the log says why.
    pub(super) fn denied_topic(&self) -> Option<String> {
        self.counts().denied.clone()
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    fn add(&mut self, record: &impl Message, index: usize) {
        let (topic, partition, offset) = (record.topic(), record.partition(), record.offset());
        let known = self
            .written
            .iter_mut()
            .find(|known| known.partition == partition && known.topic == topic);
        let Some(known) = known else {
            return self.written.push(WrittenRecords {
                topic: topic.to_owned(),
                partition,
                first: offset,
                last: offset,
                index,
            });
        };
        known.first = known.first.min(offset);
        if offset >= known.last {
            (known.last, known.index) = (offset, index);
        }
    }
}

impl ClientContext for DeliveryReports {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        if let Some(topic) = denied_topic(facility, message) {
            self.counts().denied = Some(topic.to_owned());
        }
        log(level, facility, message);
    }

    fn error(&self, error: LibraryError, reason: &str) {
        self.callbacks.error(&error, reason);
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.callbacks.token()
    }
}

impl ProducerContext for DeliveryReports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        let mut counts = self.counts();
        counts.reported += 1;
        match result {
            Ok(record) => counts.add(record, index),
            Err((error, _)) => {
                let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
                counts.failed.push(FailedRecord { index, code });
            }
        }
        if counts.reported >= counts.wanted || result.is_err() {
            self.changed.notify_one();
        }
    }
}

/// The topic in librdkafka's line `Failed to add partition "topic" [0] to transaction: Broker: Topic authorization failed`.
fn denied_topic<'a>(facility: &str, message: &'a str) -> Option<&'a str> {
    if facility != "ADDPARTS" || !message.ends_with("authorization failed") {
        return None;
    }
    message.split('"').nth(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_denied_topic_is_denied() {
        let line = |why: &str| {
            format!("Failed to add partition \"shop.order\" [0] to transaction: Broker: {why}")
        };
        let denied = line("Topic authorization failed");
        assert_eq!(denied_topic("ADDPARTS", &denied), Some("shop.order"));
        assert_eq!(denied_topic("FAIL", &denied), None);
        assert_eq!(
            denied_topic("ADDPARTS", &line("Operation not attempted")),
            None
        );
    }
}
