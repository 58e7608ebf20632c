//! Partitions come and go: what librdkafka calls, on the poll thread, when the group has decided.

use std::sync::Arc;

use cqrs_core::SourceError;
use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    bindings::rd_kafka_resp_err_t,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol},
    error::{KafkaError as Failure, KafkaResult},
};

use super::{buffer::Slot, group::Group};
use crate::connection::{log, log_error};

pub(super) struct Member(pub(super) Arc<Group>);

impl ClientContext for Member {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: Failure, reason: &str) {
        log_error(&error, reason);
    }
}

impl ConsumerContext for Member {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: rd_kafka_resp_err_t,
        partitions: &mut TopicPartitionList,
    ) {
        if event == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // The group counts these partitions as ours, and would not offer them again: without a reader they would lie
            // idle for ever.
            if let Err(error) = self.assign(consumer, partitions) {
                let words = format!(
                    "partitions given by the group could not be taken over: {error}; start again"
                );
                self.0.fail(SourceError::Fatal(words));
            }
        } else if let Err(error) = self.revoke(consumer, partitions) {
            tracing::warn!(%error, "partitions could not be given back; the group takes them after the session time-out");
        }
    }
}

impl Member {
    /// Nothing flows before the store has said where: the place is set by the reader's start.
    fn assign(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &mut TopicPartitionList,
    ) -> KafkaResult<()> {
        partitions.set_all_offsets(Offset::Beginning)?;
        if cooperative(consumer) {
            consumer.incremental_assign(partitions)?;
        } else {
            consumer.assign(partitions)?;
        }
        consumer.pause(partitions)?;
        for assigned in partitions.elements() {
            tracing::debug!(
                topic = assigned.topic(),
                partition = assigned.partition(),
                "assigned"
            );
            self.0
                .hand_out(&assigned.topic().into(), assigned.partition());
        }
        Ok(())
    }

    fn revoke(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &TopicPartitionList,
    ) -> KafkaResult<()> {
        let slots = self.slots(partitions);
        if consumer.assignment_lost() {
            self.0.lose(&slots);
        } else {
            self.0.take_back(&slots);
        }
        tracing::debug!(partitions = partitions.count(), "given back");
        if cooperative(consumer) {
            consumer.incremental_unassign(partitions)
        } else {
            consumer.unassign()
        }
    }

    fn slots(&self, partitions: &TopicPartitionList) -> Vec<Arc<Slot>> {
        let elements = partitions.elements();
        let slots = elements
            .iter()
            .filter_map(|revoked| self.0.slot(revoked.topic(), revoked.partition()));
        slots.collect()
    }
}

fn cooperative(consumer: &BaseConsumer<Member>) -> bool {
    matches!(
        consumer.rebalance_protocol(),
        RebalanceProtocol::Cooperative
    )
}
