//! Decides what to do about an error of the consumer.

use rdkafka::error::{KafkaError as LibraryError, RDKafkaErrorCode as Code};

/// What to do about an error of the consumer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ErrorAction {
    /// Nothing: librdkafka retries by itself.
    Retry,
    /// Find the partition whose offset is out of range, and stop it.
    StopPartition,
    /// Stop the source, with this advice to the user.
    StopSource(&'static str),
}

pub(super) fn action_for(error: &LibraryError) -> ErrorAction {
    let code = error.rdkafka_error_code();
    if let Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) = code {
        return ErrorAction::StopPartition;
    }
    match code.and_then(advice) {
        Some(advice) => ErrorAction::StopSource(advice),
        None if matches!(error, LibraryError::MessageConsumptionFatal(_)) => {
            ErrorAction::StopSource("correct the cause and start again")
        }
        None => ErrorAction::Retry,
    }
}

/// What the user must change before another attempt can succeed.
fn advice(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::UnknownTopic | Code::UnknownTopicOrPartition => {
            "create the topic with KafkaTopics, or correct the name and prefix"
        }
        Code::TopicAuthorizationFailed => "grant READ and DESCRIBE on the topic to this user",
        Code::GroupAuthorizationFailed => "grant READ on the group to this user",
        Code::FencedInstanceId => {
            "another process is the static member with this name: give each process an instance id of its own"
        }
        Code::InvalidSessionTimeout => {
            "choose a session time-out within the broker's group.min.session.timeout.ms and group.max.session.timeout.ms"
        }
        Code::InconsistentGroupProtocol => {
            "other members of this group use another partition.assignment.strategy: stop them, or use theirs"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_that_need_a_change_stop_the_source() {
        let action = |code| action_for(&LibraryError::MessageConsumption(code));
        assert_eq!(action(Code::AllBrokersDown), ErrorAction::Retry);
        assert_eq!(action(Code::AutoOffsetReset), ErrorAction::StopPartition);
        assert!(matches!(
            action(Code::GroupAuthorizationFailed),
            ErrorAction::StopSource(_)
        ));
        let fatal = LibraryError::MessageConsumptionFatal(Code::Fatal);
        assert!(matches!(action_for(&fatal), ErrorAction::StopSource(_)));
    }
}
