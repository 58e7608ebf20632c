//! Turns errors of the producer into errors of the relay.

use cqrs_core::ports::{BoxError, PublishError};
use rdkafka::error::RDKafkaErrorCode as Code;

use crate::error::{KafkaError, denied};

/// A failed call of a shard's producer. The outcome of the transaction is unknown.
#[derive(Debug, thiserror::Error)]
#[error("the producer with transactional id {transactional_id:?} failed")]
pub(super) struct ProducerFailure {
    transactional_id: String,
    code: Code,
    source: BoxError,
}

impl ProducerFailure {
    pub(super) fn new(transactional_id: &str, code: Code, source: impl Into<BoxError>) -> Self {
        Self {
            transactional_id: transactional_id.to_owned(),
            code,
            source: source.into(),
        }
    }

    /// Whether another producer has taken the transactional id, or the coordinator has aborted the transaction.
    pub(super) fn is_fence(&self) -> bool {
        matches!(
            self.code,
            Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch
        )
    }
}

/// An error that no retry can fix is a misconfiguration. After any other error the shard is opened again.
impl From<ProducerFailure> for PublishError {
    fn from(failure: ProducerFailure) -> Self {
        match failure.code {
            Code::TransactionalIdAuthorizationFailed | Code::ClusterAuthorizationFailed => {
                KafkaError::Denied {
                    resource: format!("transactional id {:?}", failure.transactional_id),
                    operations: "WRITE and DESCRIBE",
                    source: failure.source,
                }
                .into()
            }
            Code::InvalidTransactionTimeout => KafkaError::TransactionTimeout {
                transactional_id: failure.transactional_id,
                source: failure.source,
            }
            .into(),
            Code::UnsupportedFeature | Code::UnsupportedVersion => KafkaError::NoTransactions {
                source: failure.source,
            }
            .into(),
            _ => Self::Reopen(failure.into()),
        }
    }
}

/// A record that Kafka did not accept.
#[derive(Debug, Clone, Copy)]
pub(super) struct RejectedRecord<'a> {
    pub(super) topic: &'a str,
    pub(super) brokers: &'a str,
    pub(super) bytes: usize,
    /// The producer's `message.max.bytes`.
    pub(super) limit: &'a str,
}

impl RejectedRecord<'_> {
    /// Why Kafka rejects this record at every attempt; `None` if another attempt may succeed.
    pub(super) fn permanent_error(&self, code: Code) -> Option<KafkaError> {
        let topic = self.topic.to_owned();
        Some(match code {
            Code::MessageSizeTooLarge | Code::InvalidMessageSize | Code::MessageBatchTooLarge => {
                KafkaError::RecordTooLarge {
                    topic,
                    bytes: self.bytes,
                    limit: self.limit.to_owned(),
                    source: code.into(),
                }
            }
            Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
                KafkaError::TopicMissing {
                    topic,
                    brokers: self.brokers.to_owned(),
                }
            }
            Code::InvalidTopic => KafkaError::InvalidName {
                name: topic,
                reason: "is rejected by the broker; correct the prefix or the category",
            },
            Code::TopicAuthorizationFailed => {
                denied(format!("topic {topic:?}"), "WRITE and DESCRIBE", code)
            }
            _ => return None,
        })
    }
}
