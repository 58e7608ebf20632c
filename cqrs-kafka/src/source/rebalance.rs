//! Partitions come and go: what librdkafka calls, on the poll thread, when the group has decided.

use std::sync::Arc;

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
        let outcome = match event {
            rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                self.assign(consumer, partitions)
            }
            _ => self.revoke(consumer, partitions),
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "a rebalance failed; the group will try again");
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
