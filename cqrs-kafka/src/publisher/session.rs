//! An open shard, as the relay sees it.

use std::fmt;

use async_trait::async_trait;
use cqrs_core::{Checkpoint, PublishError, PublisherSession, RecordedEvent};

use super::producer::ShardProducer;
use crate::connection::blocking;

/// One shard of a relay, in charge until another instance opens it.
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
            .field("shard", self.producer.id())
            .field("published", &self.published)
            .finish()
    }
}

#[async_trait]
impl PublisherSession for KafkaSession {
    fn shard(&self) -> u16 {
        self.producer.id().shard
    }

    fn published(&self) -> Option<Checkpoint> {
        self.published
    }

    /// One Kafka transaction, on a blocking thread.
    ///
    /// # Errors
    /// [`PublishError::Refused`] names an event that Kafka will never take as things are, [`PublishError::Fenced`] says
    /// that another instance has taken over; after anything else the shard must be opened again.
    async fn publish(
        mut self,
        events: &[RecordedEvent],
        upto: Checkpoint,
    ) -> Result<Self, PublishError> {
        let events = events.to_vec();
        blocking(move || {
            self.producer.publish(&events, upto)?;
            self.published = Some(upto);
            Ok(self)
        })
        .await?
    }
}
