//! Carries out what readers ask of the poll thread.

use std::sync::Arc;

use cqrs_core::{model::Checkpoint, ports::SourceError};
use rdkafka::{Offset as KafkaOffset, consumer::Consumer, error::KafkaError as LibraryError};

use super::{PollThread, RESPONSE_TIMEOUT};
use crate::{
    error::ClientError,
    source::{
        assignment::PollCommand,
        flow::{pause, resume},
        partition::AssignedPartition,
    },
};

impl PollThread {
    pub(super) fn carry_out(&self, command: PollCommand) {
        match command {
            PollCommand::Start {
                partition,
                at,
                done,
            } => {
                let outcome = self.start(&partition, at);
                // Nobody receives it if the reader was dropped.
                let _ = done.send(outcome);
            }
            PollCommand::Resume(partition) => {
                if self.assignment().contains(&partition) {
                    self.resume(&partition);
                }
            }
            PollCommand::Released(partition) => self.offer_again(&partition),
        }
    }

    /// Seeks and resumes fetching. Discards the records that were fetched before, here and in librdkafka.
    fn start(
        &self,
        partition: &Arc<AssignedPartition>,
        at: Option<Checkpoint>,
    ) -> Result<(), SourceError> {
        if !self.assignment().contains(partition) {
            return Ok(());
        }
        partition.clear();
        let offset = match at {
            None => KafkaOffset::Beginning,
            Some(Checkpoint { offset: at, .. }) => {
                KafkaOffset::Offset(i64::try_from(at.get()).map_err(|_| {
                    let id = partition.id();
                    SourceError::Fatal(
                        format!("{id}: offset {at} is larger than Kafka's largest").into(),
                    )
                })?)
            }
        };
        let unavailable =
            |error: LibraryError| SourceError::Unavailable(ClientError::from(error).into());
        self.consumer
            .seek(&partition.topic, partition.number, offset, RESPONSE_TIMEOUT)
            .map_err(unavailable)?;
        partition.accept_from(at.unwrap_or_default());
        resume(&self.consumer, partition).map_err(unavailable)
    }

    fn resume(&self, partition: &AssignedPartition) {
        if let Err(error) = resume(&self.consumer, partition) {
            tracing::warn!(partition = %partition.id(), %error, "the partition could not be resumed");
        }
    }

    /// Offers a new reader for a partition whose reader was dropped, if the group still assigns it to this member.
    fn offer_again(&self, partition: &AssignedPartition) {
        let topic = &partition.topic;
        let number = partition.number;
        let is_assigned = self
            .consumer
            .assignment()
            .is_ok_and(|assigned| assigned.find_partition(topic, number).is_some());
        if is_assigned && self.assignment().find(topic, number).is_none() {
            pause(&self.consumer, partition);
            self.offers.offer(topic, number);
        }
    }
}
