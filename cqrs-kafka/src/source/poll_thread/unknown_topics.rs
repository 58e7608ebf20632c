//! Waits for topics that the brokers do not know. They may come back as other topics.

use std::time::Instant;

use cqrs_core::ports::SourceError;
use rdkafka::consumer::Consumer;

use super::{PollThread, QUESTION_TIMEOUT};
use crate::source::{flow::pause, missing_topic::Waiting};

impl PollThread {
    /// librdkafka reports an unknown topic once. So this asks whether the brokers know all topics again.
    pub(super) fn await_topic(&mut self) {
        let Some(missing) = &mut self.missing else {
            return;
        };
        match missing.waiting(Instant::now()) {
            Waiting::Wait => {}
            Waiting::Ask => {
                if self.topics.iter().all(|topic| self.knows(topic)) {
                    self.missing = None;
                    self.start_again("a topic was not known for a while");
                }
            }
            Waiting::Over => {
                let advice = missing.advice;
                let error = missing.error.clone();
                self.stop_source(advice, error);
            }
        }
    }

    /// Stops all partitions. Their readers start again, and compare their checkpoints with what the topics are now.
    fn start_again(&self, reason: &'static str) {
        for partition in self.assignment().all() {
            if partition.next_offset().is_some() {
                pause(&self.consumer, &partition);
                partition.fail(SourceError::Unavailable(reason.into()));
            }
        }
    }

    fn knows(&self, topic: &str) -> bool {
        let metadata = self.consumer.fetch_metadata(Some(topic), QUESTION_TIMEOUT);
        metadata.is_ok_and(|metadata| {
            let mut topics = metadata.topics().iter();
            topics.any(|found| found.name() == topic && found.error().is_none())
        })
    }
}
