//! An open shard, as the relay uses it.

use std::fmt;

use cqrs_core::{
    RecordedEvent,
    model::Checkpoint,
    ports::{PublishError, PublisherSession},
};

use super::producer::ShardProducer;
use crate::blocking::run_blocking;

/// One open shard of a relay. It can publish until another process opens the shard.
///
/// Dropping it closes the producer in the background.
pub struct KafkaSession {
    producer: ShardProducer,
    published: Option<Checkpoint>,
}

impl KafkaSession {
    pub(super) fn new(producer: ShardProducer, published: Option<Checkpoint>) -> Self {
        Self {
            producer,
            published,
        }
    }
}

impl fmt::Debug for KafkaSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSession")
            .field("shard", self.producer.shard())
            .field("published", &self.published)
            .finish()
    }
}

impl PublisherSession for KafkaSession {
    fn shard(&self) -> u16 {
        self.producer.shard().number
    }

    fn published(&self) -> Option<Checkpoint> {
        self.published
    }

    /// Publishes in one Kafka transaction.
    ///
    /// # Errors
    /// [`PublishError::Rejected`] names an event that Kafka will never accept, and [`PublishError::Fenced`] means that
    /// somebody without the lease has opened the relay. After any other error the shard must be opened again.
    async fn publish(
        mut self,
        events: &[RecordedEvent],
        upto: Checkpoint,
    ) -> Result<Self, PublishError> {
        let events = events.to_vec();
        run_blocking(move || {
            self.producer.publish(&events, upto)?;
            self.published = Some(upto);
            Ok(self)
        })
        .await?
    }
}
