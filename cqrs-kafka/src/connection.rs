//! First contact: is anybody there, are we let in, does the topic exist. And where librdkafka's log lines go.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use rdkafka::{
    ClientContext,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext},
    error::{KafkaError as Failure, RDKafkaErrorCode as Code},
};

use crate::{KafkaConfig, KafkaError};

/// Sends librdkafka's log lines through `tracing` and remembers the last error.
#[derive(Debug, Default)]
pub(crate) struct Logging {
    last: Mutex<Option<String>>,
}

impl Logging {
    fn last_error(&self) -> Option<String> {
        self.last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ClientContext for Logging {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: Failure, reason: &str) {
        if matches!(error.rdkafka_error_code(), Some(Code::PartitionEOF)) {
            return;
        }
        log_error(&error, reason);
        if error.rdkafka_error_code() == Some(Code::AllBrokersDown) {
            return; // A count. The reason came before.
        }
        let heard = Some(reason.to_owned());
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = heard;
    }
}

impl ConsumerContext for Logging {}

pub(crate) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        // One KafkaConfig serves producers and consumers, so each meets settings of the other.
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

/// librdkafka tries again by itself, so an error that reaches the log alone is a warning.
pub(crate) fn log_error(error: &Failure, reason: &str) {
    tracing::warn!(target: "librdkafka", %error, "{reason}");
}

/// A connection that only asks questions. Every call blocks.
pub(crate) struct Probe {
    config: KafkaConfig,
    consumer: BaseConsumer<Logging>,
}

impl Probe {
    /// Connects, and makes sure that somebody answers.
    pub(crate) fn connect(config: &KafkaConfig) -> Result<Self, KafkaError> {
        let client = config.client(&[], &[]);
        let consumer = client
            .create_with_context(Logging::default())
            .map_err(|error| refused(&error))?;
        let probe = Self {
            config: config.clone(),
            consumer,
        };
        if probe.cluster_id().is_none() {
            return Err(probe.unreachable("no answer"));
        }
        Ok(probe)
    }

    /// The cluster's own name, by which it is told from another one behind the same address.
    pub(crate) fn cluster_id(&self) -> Option<String> {
        self.consumer.client().fetch_cluster_id(self.config.waits())
    }

    /// How many partitions a topic has.
    pub(crate) fn partitions(&self, topic: &str) -> Result<usize, KafkaError> {
        crate::config::check_name(topic)?;
        let until = Instant::now() + self.config.waits();
        loop {
            let code = match self.look_up(topic)? {
                Ok(partitions) => return Ok(partitions),
                Err(code) => code,
            };
            match code {
                Code::TopicAuthorizationFailed => return Err(denied(topic, code)),
                Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
                    return Err(KafkaError::TopicMissing {
                        topic: topic.to_owned(),
                        brokers: self.config.brokers().to_owned(),
                    });
                }
                code if Instant::now() > until => return Err(self.unreachable(&code.to_string())),
                // A topic that was just created has no leader yet.
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    fn look_up(&self, topic: &str) -> Result<Result<usize, Code>, KafkaError> {
        let metadata = self
            .consumer
            .fetch_metadata(Some(topic), self.config.waits())
            .map_err(|error| self.unreachable(&error.to_string()))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let Some(found) = found else {
            return Ok(Err(Code::UnknownTopicOrPartition));
        };
        if let Some(error) = found.error() {
            return Ok(Err(error.into()));
        }
        let partitions = found.partitions();
        let broken = partitions.iter().find_map(|partition| partition.error());
        Ok(match broken {
            // Followers that are away are no reason to stand still.
            Some(error) if Code::from(error) == Code::LeaderNotAvailable => {
                Err(Code::LeaderNotAvailable)
            }
            _ => Ok(partitions.len()),
        })
    }

    fn unreachable(&self, otherwise: &str) -> KafkaError {
        // Errors wait in the queue until somebody polls it.
        for _ in 0..20 {
            let _ = self.consumer.poll(Duration::ZERO);
        }
        let heard = self.consumer.context().last_error();
        KafkaError::Unreachable {
            brokers: self.config.brokers().to_owned(),
            waited: self.config.waits(),
            reason: heard.unwrap_or_else(|| otherwise.to_owned()),
        }
    }
}

/// The client could not even be made.
pub(crate) fn refused(error: &Failure) -> KafkaError {
    let reason = match error {
        // The value is left out: it may be a password.
        Failure::ClientConfig(_, reason, key, _) => format!("{key}: {reason}"),
        other => other.to_string(),
    };
    KafkaError::InvalidSetting { reason }
}

pub(crate) fn denied(topic: &str, code: Code) -> KafkaError {
    KafkaError::Denied {
        what: format!("topic {topic:?}"),
        reason: code.to_string(),
    }
}

/// Runs what blocks where blocking does no harm.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, KafkaError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| KafkaError::Internal(format!("work on a blocking thread ended: {error}")))
}
