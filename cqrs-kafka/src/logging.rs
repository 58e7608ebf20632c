//! What every client of librdkafka calls back for: log lines, errors beside its calls, and tokens.

use std::{
    error::Error,
    fmt,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rdkafka::{
    ClientConfig, ClientContext,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError as LibraryError, RDKafkaErrorCode as Code},
};

use crate::{
    config::KafkaConfig,
    error::{KafkaError, invalid_setting},
    token::TokenSource,
};

/// The callbacks of a client. A call often says only that it timed out; the error that was reported meanwhile says why.
#[derive(Debug)]
pub(crate) struct Callbacks {
    last_error: Mutex<Option<ReportedError>>,
    token: Option<TokenSource>,
    /// Whether librdkafka has asked for a token.
    asked: AtomicBool,
}

/// An error that librdkafka reported beside a call.
#[derive(Debug, Clone)]
pub(crate) struct ReportedError {
    pub(crate) code: Code,
    pub(crate) reason: String,
}

impl fmt::Display for ReportedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl Error for ReportedError {}

impl Callbacks {
    pub(crate) fn new(config: &KafkaConfig) -> Self {
        Self {
            last_error: Mutex::default(),
            token: config.token_source(),
            asked: AtomicBool::new(false),
        }
    }

    /// Logs an error, and keeps it if it says why. All of them are warnings: librdkafka retries after every error that it only
    /// reports.
    pub(crate) fn error(&self, error: &LibraryError, reason: &str) {
        let code = error.rdkafka_error_code().unwrap_or(Code::Unknown);
        if code == Code::PartitionEOF {
            return;
        }
        tracing::warn!(target: "librdkafka", %error, "{reason}");
        // "All brokers are down" only counts the errors before it, which hold the reason.
        if code == Code::AllBrokersDown {
            return;
        }
        let reason = reason.to_owned();
        *self.remembered() = Some(ReportedError { code, reason });
    }

    /// The last error that says why.
    pub(crate) fn last_error(&self) -> Option<ReportedError> {
        self.remembered().clone()
    }

    pub(crate) fn token(&self) -> Result<OAuthToken, Box<dyn Error>> {
        self.asked.store(true, Ordering::Relaxed);
        let source = self.token.as_ref();
        let source = source.ok_or("OAUTHBEARER needs KafkaConfig::token_from")?;
        Ok(source.ask()?)
    }

    fn remembered(&self) -> MutexGuard<'_, Option<ReportedError>> {
        self.last_error
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The context of clients that only read and never join a group.
#[derive(Debug)]
pub(crate) struct LoggingContext(Callbacks);

/// A client that only reads. It has its token, if it needs one: its calls do not wait for that.
pub(crate) fn reading_client(
    config: &KafkaConfig,
    client: &ClientConfig,
) -> Result<BaseConsumer<LoggingContext>, KafkaError> {
    const POLL_INTERVAL: Duration = Duration::from_millis(10);
    let consumer: BaseConsumer<LoggingContext> = client
        .create_with_context(LoggingContext::new(config))
        .map_err(|error| invalid_setting(client, error))?;
    let deadline = Instant::now() + config.response_timeout;
    let callbacks = &consumer.context().0;
    while callbacks.token.is_some()
        && !callbacks.asked.load(Ordering::Relaxed)
        && Instant::now() < deadline
    {
        let _ = consumer.poll(POLL_INTERVAL);
    }
    Ok(consumer)
}

/// Whether this error is about the group of a client that never joins one: librdkafka looks for it all the same, and the user
/// needs no right for it.
pub(crate) fn is_about_the_group(error: &LibraryError) -> bool {
    error.rdkafka_error_code() == Some(Code::GroupAuthorizationFailed)
}

impl LoggingContext {
    pub(crate) fn new(config: &KafkaConfig) -> Self {
        Self(Callbacks::new(config))
    }

    pub(crate) fn last_error(&self) -> Option<ReportedError> {
        self.0.last_error()
    }
}

impl ClientContext for LoggingContext {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: LibraryError, reason: &str) {
        if !is_about_the_group(&error) {
            self.0.error(&error, reason);
        }
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.0.token()
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
