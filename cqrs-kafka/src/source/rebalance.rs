//! Handles rebalances: librdkafka calls this on the poll thread when the group assigns or revokes partitions.

use std::{error::Error, sync::Arc};

use cqrs_core::ports::SourceError;
use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    bindings::rd_kafka_resp_err_t,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol},
    error::{KafkaError as LibraryError, KafkaResult},
    statistics::Statistics,
};

use super::{
    admission::Admission, offers::ReaderOffers, open_transactions::OpenTransactions,
    partition::AssignedPartition, positions::note_positions,
};
use crate::{
    error::internal,
    logging::{Callbacks, log},
};

/// The context of the consumer.
pub(super) struct RebalanceListener {
    offers: ReaderOffers,
    callbacks: Callbacks,
    open_transactions: OpenTransactions,
    pub(super) admission: Admission,
}

impl ClientContext for RebalanceListener {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: LibraryError, reason: &str) {
        self.callbacks.error(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        let assignment = &self.offers.assignment;
        self.open_transactions.look(&statistics, assignment);
    }

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.callbacks.token()
    }
}

impl ConsumerContext for RebalanceListener {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        event: rd_kafka_resp_err_t,
        partitions: &mut TopicPartitionList,
    ) {
        if event == rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // The group will not assign these partitions again, so without a reader they would stay idle.
            if let Err(error) = self.assign(consumer, partitions) {
                let error = internal(
                    "partitions that the group assigned could not be taken over; start again",
                    error,
                );
                self.offers.fail(SourceError::from(error));
            }
        } else if let Err(error) = self.revoke(consumer, partitions) {
            tracing::warn!(
                %error,
                "partitions could not be given back; the group reassigns them after the session time-out"
            );
        }
    }
}

impl RebalanceListener {
    pub(super) fn new(offers: ReaderOffers, callbacks: Callbacks, admission: Admission) -> Self {
        Self {
            offers,
            callbacks,
            open_transactions: OpenTransactions::default(),
            admission,
        }
    }

    /// Pauses the partitions: a reader sets the offset later, when it starts.
    fn assign(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &mut TopicPartitionList,
    ) -> KafkaResult<()> {
        let had_partitions = consumer.assignment()?.count() > 0;
        partitions.set_all_offsets(Offset::Beginning)?;
        if is_cooperative(consumer) {
            consumer.incremental_assign(partitions)?;
        } else {
            consumer.assign(partitions)?;
        }
        consumer.pause(partitions)?;
        tracing::debug!(?partitions, "partitions assigned");
        if self.admission.assigned(had_partitions) {
            self.offer(partitions);
        }
        Ok(())
    }

    /// Admits the member to its partitions.
    pub(super) fn admit(&self, assigned: &TopicPartitionList) {
        self.admission.admit();
        self.offer(assigned);
    }

    fn offer(&self, partitions: &TopicPartitionList) {
        for partition in partitions.elements() {
            let topic = partition.topic().into();
            self.offers.offer(&topic, partition.partition());
        }
    }

    fn revoke(
        &self,
        consumer: &BaseConsumer<Self>,
        partitions: &TopicPartitionList,
    ) -> KafkaResult<()> {
        let revoked = self.with_reader(partitions);
        if consumer.assignment_lost() {
            self.admission.lost();
            self.offers.assignment.lose(&revoked);
        } else {
            note_positions(consumer, &self.offers.assignment);
            self.offers.assignment.take_back(&revoked);
        }
        tracing::debug!(count = partitions.count(), "partitions revoked");
        if is_cooperative(consumer) {
            consumer.incremental_unassign(partitions)
        } else {
            consumer.unassign()
        }
    }

    fn with_reader(&self, partitions: &TopicPartitionList) -> Vec<Arc<AssignedPartition>> {
        let assignment = &self.offers.assignment;
        partitions
            .elements()
            .iter()
            .filter_map(|element| assignment.find(element.topic(), element.partition()))
            .collect()
    }
}

fn is_cooperative(consumer: &BaseConsumer<RebalanceListener>) -> bool {
    matches!(
        consumer.rebalance_protocol(),
        RebalanceProtocol::Cooperative
    )
}
