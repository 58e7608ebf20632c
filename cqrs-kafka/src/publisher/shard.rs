//! The identity of one shard of a relay at the broker.

use uuid::Uuid;

use crate::config::KafkaConfig;

/// One shard, as one opening of the relay knows it.
#[derive(Debug, Clone)]
pub(super) struct Shard {
    pub(super) config: KafkaConfig,
    pub(super) relay: String,
    pub(super) number: u16,
    /// The id of this opening of the relay.
    pub(super) owner: Uuid,
    pub(super) cluster_id: String,
    /// How many partitions the progress topic has.
    pub(super) partitions: usize,
}

impl Shard {
    /// The name of the shard for the broker, and as the lane for consumers.
    pub(super) fn transactional_id(&self) -> String {
        self.config.shard(&self.relay, self.number)
    }

    pub(super) fn progress_topic(&self) -> String {
        self.config.progress_topic(&self.relay)
    }

    pub(super) fn event_topic(&self, category: &str) -> String {
        self.config.topic(category)
    }
}
