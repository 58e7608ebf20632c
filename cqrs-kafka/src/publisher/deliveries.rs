//! Counts delivery reports, and wakes the publishing thread when there are as many as it waits for.

use std::{
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError as Failure, RDKafkaErrorCode as Code},
    producer::{DeliveryResult, ProducerContext},
};

use crate::connection::{log, log_error};

/// How long after the first bad report others may come.
const TOGETHER: Duration = Duration::from_millis(50);

/// The reports of one transaction. The opaque value of a record is its index in the batch.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    reports: Mutex<Reports>,
    enough: Condvar,
}

#[derive(Debug, Default)]
struct Reports {
    /// Good and bad ones.
    count: usize,
    /// Wake the publishing thread at this count.
    wanted: usize,
    failed: Vec<(usize, Code)>,
}

impl Deliveries {
    /// Forgets the last transaction, all of whose reports have come.
    pub(super) fn begin(&self) {
        *self.reports() = Reports::default();
    }

    /// Waits until `wanted` reports have come, one of them is bad, or the time is up. Whether they have come.
    pub(super) fn wait(&self, wanted: usize, mut until: Instant) -> bool {
        let (mut reports, mut bad) = (self.reports(), false);
        reports.wanted = wanted;
        while reports.count < wanted {
            if !bad && !reports.failed.is_empty() {
                // Those that were refused together are reported together.
                bad = true;
                until = until.min(Instant::now() + TOGETHER);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return bad;
            }
            let waited = self.enough.wait_timeout(reports, left);
            reports = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    pub(super) fn count(&self) -> usize {
        self.reports().count
    }

    /// The records that were not taken.
    pub(super) fn failed(&self) -> Vec<(usize, Code)> {
        self.reports().failed.clone()
    }

    fn reports(&self) -> MutexGuard<'_, Reports> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientContext for Deliveries {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: Failure, reason: &str) {
        log_error(&error, reason);
    }
}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, index: usize) {
        let mut reports = self.reports();
        reports.count += 1;
        if let Err((error, _)) = result {
            let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
            reports.failed.push((index, code));
        }
        if reports.count >= reports.wanted || result.is_err() {
            self.enough.notify_one();
        }
    }
}
