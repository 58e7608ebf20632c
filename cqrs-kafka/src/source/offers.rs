//! Offers a reader for each assigned partition to the source.

use std::sync::Arc;

use cqrs_core::ports::SourceError;
use tokio::sync::mpsc;

use super::{assignment::Assignment, reader::KafkaReader};

/// The channel from the poll thread to [`KafkaSource::assigned`](super::KafkaSource).
#[derive(Debug, Clone)]
pub(super) struct ReaderOffers {
    pub(super) assignment: Arc<Assignment>,
    offers: mpsc::UnboundedSender<Result<KafkaReader, SourceError>>,
}

impl ReaderOffers {
    pub(super) fn new(
        assignment: Arc<Assignment>,
        offers: mpsc::UnboundedSender<Result<KafkaReader, SourceError>>,
    ) -> Self {
        Self { assignment, offers }
    }

    /// Offers a reader for the partition, unless it has one.
    pub(super) fn offer(&self, topic: &Arc<str>, number: i32) {
        if let Some(partition) = self.assignment.add(topic, number) {
            let reader = KafkaReader::new(partition, Arc::clone(&self.assignment));
            // If the source was dropped, the reader is dropped too, which releases the partition.
            let _ = self.offers.send(Ok(reader));
        }
    }

    /// Reports that the source cannot continue.
    pub(super) fn fail(&self, error: SourceError) {
        let _ = self.offers.send(Err(error));
    }
}
