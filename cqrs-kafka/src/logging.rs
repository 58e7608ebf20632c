//! Sends librdkafka's log lines through `tracing`.

use std::sync::{Mutex, PoisonError};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    consumer::ConsumerContext,
    error::{KafkaError as LibraryError, RDKafkaErrorCode as Code},
};

/// The context of clients that only read: logs, and keeps the last error.
#[derive(Debug, Default)]
pub(crate) struct LoggingContext {
    last_error: Mutex<Option<String>>,
}

impl LoggingContext {
    pub(crate) fn last_error(&self) -> Option<String> {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ClientContext for LoggingContext {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: LibraryError, reason: &str) {
        if matches!(error.rdkafka_error_code(), Some(Code::PartitionEOF)) {
            return;
        }
        log_error(&error, reason);
        // "All brokers are down" only counts the errors before it, which hold the reason.
        if error.rdkafka_error_code() == Some(Code::AllBrokersDown) {
            return;
        }
        let mut last_error = self
            .last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last_error = Some(reason.to_owned());
    }
}

impl ConsumerContext for LoggingContext {}

pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        // One KafkaConfig serves producers and consumers, so each client gets settings of the other kind too.
        RDKafkaLogLevel::Warning if facility == "CONFWARN" => {
            tracing::debug!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => {
            tracing::error!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Warning => tracing::warn!(target: "librdkafka", facility, "{message}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "librdkafka", facility, "{message}");
        }
        RDKafkaLogLevel::Debug => tracing::debug!(target: "librdkafka", facility, "{message}"),
    }
}

/// Logs an error as a warning: librdkafka retries after every error that it only logs.
pub(crate) fn log_error(error: &LibraryError, reason: &str) {
    tracing::warn!(target: "librdkafka", %error, "{reason}");
}
