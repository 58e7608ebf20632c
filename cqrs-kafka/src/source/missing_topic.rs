//! Waits for a topic that the brokers do not know, for a while: those that have just started do not know their topics at first.

use std::time::{Duration, Instant};

use rdkafka::error::KafkaError as LibraryError;

/// A topic that is unknown for this long is missing.
const LIMIT: Duration = Duration::from_secs(30);

/// The time between two questions for the topics.
const INTERVAL: Duration = Duration::from_millis(500);

/// A topic that the brokers do not know.
#[derive(Debug)]
pub(super) struct MissingTopic {
    since: Instant,
    asked: Instant,
    pub(super) advice: &'static str,
    pub(super) error: LibraryError,
}

/// What to do about it now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// Nothing yet.
    Wait,
    /// Ask the brokers whether they know the topics.
    Ask,
    /// Give up.
    Over,
}

impl MissingTopic {
    pub(super) fn new(advice: &'static str, error: LibraryError, now: Instant) -> Self {
        Self {
            since: now,
            asked: now,
            advice,
            error,
        }
    }

    pub(super) fn waiting(&mut self, now: Instant) -> Waiting {
        if now.saturating_duration_since(self.since) >= LIMIT {
            return Waiting::Over;
        }
        if now.saturating_duration_since(self.asked) < INTERVAL {
            return Waiting::Wait;
        }
        self.asked = now;
        Waiting::Ask
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::error::RDKafkaErrorCode as Code;

    use super::*;

    #[test]
    fn a_topic_is_waited_for_and_not_for_ever() {
        let begin = Instant::now();
        let error = LibraryError::MessageConsumption(Code::UnknownTopicOrPartition);
        let mut missing = MissingTopic::new("create it", error, begin);
        let mut waiting = |millis| missing.waiting(begin + Duration::from_millis(millis));
        assert_eq!(waiting(499), Waiting::Wait);
        assert_eq!(waiting(500), Waiting::Ask);
        assert_eq!(waiting(900), Waiting::Wait);
        assert_eq!(waiting(29_999), Waiting::Ask);
        assert_eq!(waiting(30_000), Waiting::Over);
    }
}
