//! What can go wrong before publishing or reading has begun.

use std::time::Duration;

use cqrs_core::{PublishError, SourceError};

/// Why Kafka cannot be used as it was set up. Checked at the start, so that it is said at once and in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KafkaError {
    /// Nobody answers.
    #[error(
        "no broker of {brokers:?} answered within {waited:?} ({reason}); start Kafka, or correct the brokers and \
         security settings of the KafkaConfig"
    )]
    Unreachable {
        /// The brokers as they were given.
        brokers: String,
        /// How long was waited.
        waited: Duration,
        /// The last thing that was heard.
        reason: String,
    },
    /// librdkafka does not take the settings.
    #[error("the settings of the KafkaConfig are refused: {reason}")]
    InvalidSetting {
        /// Which, and why.
        reason: String,
    },
    /// A name that Kafka would not take.
    #[error("{name:?} cannot be a name in Kafka: it {reason}")]
    InvalidName {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// A topic is not there.
    #[error(
        "topic {topic:?} does not exist on {brokers:?}; create it with KafkaTopics, or correct the name and prefix"
    )]
    TopicMissing {
        /// The topic.
        topic: String,
        /// Where it was looked for.
        brokers: String,
    },
    /// Rights are missing.
    #[error(
        "Kafka refuses access to {what} ({reason}); grant the rights to the user of the KafkaConfig"
    )]
    Denied {
        /// To what.
        what: String,
        /// What the broker said.
        reason: String,
    },
    /// A topic could not be created.
    #[error("topic {topic:?} could not be created on {brokers:?}: {reason}")]
    NotCreated {
        /// The topic.
        topic: String,
        /// Where.
        brokers: String,
        /// What the broker said.
        reason: String,
    },
    /// A relay's books hold something else.
    #[error(
        "topic {topic:?}, partition {partition}, offset {offset} is no entry of a relay's books ({reason}); only relays of \
         one name may write there: start the relay under a new name with a new prefix"
    )]
    NotBooks {
        /// The progress topic.
        topic: String,
        /// The partition: the number of the shard.
        partition: u16,
        /// The record.
        offset: i64,
        /// What is wrong with it.
        reason: String,
    },
    /// Something broke within this process.
    #[error("{0}")]
    Internal(String),
}

impl KafkaError {
    /// Whether the same call may succeed later, without any change.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

impl From<KafkaError> for PublishError {
    fn from(error: KafkaError) -> Self {
        match error {
            KafkaError::Unreachable { .. } => Self::Unavailable {
                reason: error.to_string(),
            },
            KafkaError::Internal(_) => Self::Reopen(error.into()),
            error => Self::Misconfigured(error.to_string()),
        }
    }
}

impl From<KafkaError> for SourceError {
    fn from(error: KafkaError) -> Self {
        if error.is_retryable() {
            Self::Unavailable(error.into())
        } else {
            Self::Fatal(error.to_string())
        }
    }
}
