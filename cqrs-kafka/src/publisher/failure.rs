//! What a failure of librdkafka means for the relay.

use cqrs_core::{PublishError, RecordedEvent};
use rdkafka::error::{KafkaError as Failure, RDKafkaErrorCode as Code};

/// A failure of a producer.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    code: Code,
    text: String,
}

impl Fault {
    pub(super) fn new(code: Code, text: impl Into<String>) -> Self {
        Self {
            code,
            text: text.into(),
        }
    }

    /// Another producer has the transactional id, or the coordinator has given up our transaction.
    pub(super) fn is_fence(&self) -> bool {
        matches!(
            self.code,
            Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch
        )
    }

    /// Of the shard itself: rights that are missing will not come by trying again, everything else is in doubt.
    pub(super) fn into_error(self, lane: &str) -> PublishError {
        match self.code {
            Code::TransactionalIdAuthorizationFailed | Code::ClusterAuthorizationFailed => {
                PublishError::Misconfigured(format!(
                    "Kafka refuses the transactional id {lane:?} ({}); grant WRITE and DESCRIBE on transactional ids that \
                     begin with it to the user of the KafkaConfig",
                    self.text
                ))
            }
            Code::InvalidTransactionTimeout => PublishError::Misconfigured(format!(
                "Kafka refuses the transaction.timeout.ms of transactional id {lane:?} ({}); set it below the broker's \
                 transaction.max.timeout.ms",
                self.text
            )),
            Code::UnsupportedFeature | Code::UnsupportedVersion => {
                PublishError::Misconfigured(format!(
                    "the broker has no transactions ({}); a relay needs Apache Kafka 2.5 or newer, or one that keeps to it",
                    self.text
                ))
            }
            _ => PublishError::Reopen(format!("transactional id {lane:?}: {}", self.text).into()),
        }
    }
}

impl From<&Failure> for Fault {
    fn from(failure: &Failure) -> Self {
        let code = match failure {
            Failure::Transaction(error) => Some(error.code()),
            other => other.rdkafka_error_code(),
        };
        Self::new(code.unwrap_or(Code::Unknown), failure.to_string())
    }
}

/// Whether this record will be refused again and again, and why.
pub(super) fn refusal(code: Code, topic: &str, size: usize, limit: &str) -> Option<String> {
    let reason = match code {
        Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::MessageBatchTooLarge => {
            format!(
                "its record of {size} bytes is larger than Kafka takes (message.max.bytes of this producer: {limit}); raise \
                 message.max.bytes in the KafkaConfig and max.message.bytes of topic {topic:?}, then start the relay again"
            )
        }
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => format!(
            "topic {topic:?} does not exist; create it with KafkaTopics::create_for_categories, or correct the prefix"
        ),
        Code::InvalidTopic => {
            format!(
                "Kafka does not take {topic:?} as the name of a topic; correct prefix and category"
            )
        }
        Code::TopicAuthorizationFailed => format!(
            "Kafka does not let this user write to topic {topic:?}; grant WRITE and DESCRIBE on it"
        ),
        _ => return None,
    };
    Some(reason)
}

/// About how large a record is: what is sent, without Kafka's own framing.
pub(super) fn size(event: &RecordedEvent, headers: usize) -> usize {
    event.payload.len() + event.stream.id().len() + headers
}
