//! What the poll thread does about errors: goes on, stops a partition, or ends.

use cqrs_core::{Offset, SourceError};
use rdkafka::{
    consumer::Consumer,
    error::{KafkaError as Failure, RDKafkaErrorCode as Code},
};

use super::poll::{ANSWER, PollThread};

impl PollThread {
    pub(super) fn failed(&mut self, error: &Failure) {
        let code = error.rdkafka_error_code();
        match code {
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => self.out_of_range(),
            _ if hopeless(error) => {
                let words = code
                    .and_then(advice)
                    .unwrap_or("correct it and start again");
                self.group
                    .fail(SourceError::Fatal(format!("{error}; {words}")));
                self.fatal = true;
            }
            // librdkafka goes on by itself.
            _ => tracing::warn!(%error, "reading from Kafka waits"),
        }
    }

    /// librdkafka does not say which partition it was, so all are compared with what is kept.
    fn out_of_range(&self) {
        let mut found = false;
        for slot in self.group.slots() {
            let Some(next) = slot.next_offset() else {
                continue;
            };
            match self
                .consumer
                .fetch_watermarks(&slot.topic, slot.partition, ANSWER)
            {
                Ok((low, high)) if outside(next, low, high) => {
                    found = true;
                    self.flow(&slot, false);
                    slot.fail(SourceError::OutOfRange {
                        partition: slot.id(),
                        offset: next,
                        detail: format!("offsets {low} to {high} are"),
                    });
                }
                Ok(_) => {}
                Err(error) => {
                    found = true;
                    self.flow(&slot, false);
                    slot.fail(SourceError::Unavailable(error.into()));
                }
            }
        }
        if !found {
            // It has passed meanwhile. Which one stands still is not known, so all start anew.
            for slot in self.group.slots() {
                if slot.next_offset().is_some() {
                    self.flow(&slot, false);
                    slot.fail(SourceError::Unavailable(
                        "its place was out of range for a moment".into(),
                    ));
                }
            }
        }
    }
}

/// Whether nothing is kept at this place. Behind the last record is inside: there the next one will be.
fn outside(next: Offset, low: i64, high: i64) -> bool {
    let next = i64::try_from(next.get()).unwrap_or(i64::MAX);
    next < low || next > high
}

/// What does not pass by itself.
fn hopeless(error: &Failure) -> bool {
    let fatal = matches!(error, Failure::MessageConsumptionFatal(_));
    fatal
        || error
            .rdkafka_error_code()
            .is_some_and(|code| advice(code).is_some())
}

fn advice(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::UnknownTopic | Code::UnknownTopicOrPartition => {
            "create the topic with KafkaTopics, or correct the name and prefix"
        }
        Code::TopicAuthorizationFailed => "grant READ and DESCRIBE on the topic to this user",
        Code::GroupAuthorizationFailed => "grant READ on the group to this user",
        Code::FencedInstanceId => {
            "another process is the static member of this name: give each process an instance id of its own"
        }
        Code::InvalidSessionTimeout => {
            "choose a session time-out within the broker's group.min.session.timeout.ms and group.max.session.timeout.ms"
        }
        Code::InconsistentGroupProtocol => {
            "other members of this group use another partition.assignment.strategy; stop them or use theirs"
        }
        _ => return None,
    })
}
