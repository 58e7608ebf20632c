//! Decides what to do about an error of the consumer.

use rdkafka::error::{KafkaError as LibraryError, RDKafkaErrorCode as Code};

use crate::transient::{advice, passes};

/// What to do about an error of the consumer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ErrorAction {
    /// Nothing: librdkafka retries by itself.
    Retry,
    /// Find the partition whose offset is out of range, and stop it.
    StopPartition,
    /// Wait for a topic, and stop the source with this advice to the user if it does not appear: brokers that have just
    /// started do not know their topics at first.
    AwaitTopic(&'static str),
    /// Stop the source: the user may not read one of the topics.
    TopicDenied,
    /// Stop the source, with this advice to the user.
    StopSource(&'static str),
}

pub(super) fn action_for(error: &LibraryError) -> ErrorAction {
    let code = error.rdkafka_error_code();
    match code {
        Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => ErrorAction::StopPartition,
        Some(code)
            if passes(code) && !matches!(error, LibraryError::MessageConsumptionFatal(_)) =>
        {
            ErrorAction::Retry
        }
        Some(
            code @ (Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::UnknownPartition
            | Code::UnknownTopicId),
        ) => ErrorAction::AwaitTopic(advice(code)),
        Some(Code::TopicAuthorizationFailed) => ErrorAction::TopicDenied,
        code => ErrorAction::StopSource(advice(code.unwrap_or(Code::Unknown))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action(code: Code) -> ErrorAction {
        action_for(&LibraryError::MessageConsumption(code))
    }

    #[test]
    fn only_errors_that_pass_are_retried() {
        for code in [
            Code::AllBrokersDown,
            Code::BrokerTransportFailure,
            Code::RebalanceInProgress,
            Code::NotLeaderForPartition,
            Code::CoordinatorNotAvailable,
        ] {
            assert_eq!(action(code), ErrorAction::Retry, "{code:?}");
        }
        assert_eq!(action(Code::AutoOffsetReset), ErrorAction::StopPartition);
        assert_eq!(
            action(Code::TopicAuthorizationFailed),
            ErrorAction::TopicDenied
        );
        for code in [Code::UnknownTopicOrPartition, Code::UnknownTopicId] {
            assert!(
                matches!(action(code), ErrorAction::AwaitTopic(_)),
                "{code:?}"
            );
        }
        for code in [
            Code::GroupAuthorizationFailed,
            Code::NotImplemented,
            Code::BadMessage,
            Code::Authentication,
            Code::PolicyViolation,
            Code::LogTruncation,
        ] {
            assert!(
                matches!(action(code), ErrorAction::StopSource(_)),
                "{code:?}"
            );
        }
        for code in [Code::Fatal, Code::BrokerTransportFailure] {
            let fatal = LibraryError::MessageConsumptionFatal(code);
            assert!(matches!(action_for(&fatal), ErrorAction::StopSource(_)));
        }
    }

    #[test]
    fn a_codec_that_is_missing_is_named_as_the_cause() {
        let ErrorAction::StopSource(advice) = action(Code::NotImplemented) else {
            panic!("retried");
        };
        assert!(advice.contains("codec"), "{advice}");
    }
}
