//! Turns errors of the producer into errors of the relay.

use cqrs_core::ports::{BoxError, PublishError};
use rdkafka::error::RDKafkaErrorCode as Code;

use crate::{
    error::{KafkaError, denied},
    transient::{advice, passes_with_new_producer},
};

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

/// The shard is opened again after an error that passes. Any other error is a misconfiguration.
impl From<ProducerFailure> for PublishError {
    fn from(failure: ProducerFailure) -> Self {
        match failure.code {
            Code::TransactionalIdAuthorizationFailed | Code::ClusterAuthorizationFailed => {
                KafkaError::Denied {
                    resource: format!("transactional id {:?}", failure.transactional_id),
                    operations: "WRITE",
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
            code if passes_with_new_producer(code) => Self::Reopen(failure.into()),
            code => KafkaError::ProducerStopped {
                transactional_id: failure.transactional_id,
                advice: advice(code),
                source: failure.source,
            }
            .into(),
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
            Code::TopicAuthorizationFailed => denied(format!("topic {topic:?}"), "WRITE", code),
            code if passes_with_new_producer(code) => return None,
            code => KafkaError::RecordRejected {
                topic,
                source: code.into(),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_is_opened_again_only_after_an_error_that_passes() {
        let outcome = |code| PublishError::from(ProducerFailure::new("shop.relay.0", code, code));
        for code in [
            Code::BrokerTransportFailure,
            Code::OperationTimedOut,
            Code::ProducerFenced,
            Code::PurgeQueue,
            Code::Fatal,
        ] {
            assert!(matches!(outcome(code), PublishError::Reopen(_)), "{code:?}");
        }
        for code in [
            Code::Authentication,
            Code::InvalidRequest,
            Code::UnsupportedCompressionType,
            Code::TransactionalIdAuthorizationFailed,
        ] {
            let error = outcome(code);
            assert!(matches!(error, PublishError::Misconfigured(_)), "{error:?}");
        }
    }

    #[test]
    fn a_record_is_rejected_for_every_error_that_does_not_pass() {
        let record = RejectedRecord {
            topic: "shop.order",
            brokers: "localhost:9092",
            bytes: 1,
            limit: "1",
        };
        assert!(record.permanent_error(Code::MessageTimedOut).is_none());
        for code in [
            Code::PolicyViolation,
            Code::InvalidRecord,
            Code::InvalidTimestamp,
        ] {
            let error = record.permanent_error(code).expect("permanent");
            assert!(error.to_string().contains("shop.order"), "{error}");
        }
    }
}
