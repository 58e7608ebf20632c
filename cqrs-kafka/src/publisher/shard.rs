//! The identity of one shard of a relay at the broker.

use cqrs_core::model::{Category, Lane, LogIdentity, Position, Slices};
use uuid::Uuid;

use crate::config::KafkaConfig;

/// One shard, as one opening of the relay knows it.
#[derive(Debug, Clone)]
pub(super) struct Shard {
    pub(super) config: KafkaConfig,
    pub(super) relay: String,
    pub(super) number: u16,
    /// The part of the log that it publishes.
    pub(super) slices: Slices,
    pub(super) log: LogIdentity,
    /// The id of this opening of the relay.
    pub(super) owner: Uuid,
    pub(super) cluster_id: String,
    /// How many partitions the progress topic has.
    pub(super) partitions: usize,
}

impl Shard {
    /// The name of the shard for the broker.
    pub(super) fn transactional_id(&self) -> String {
        self.config.shard(&self.relay, self.number)
    }

    pub(super) fn progress_topic(&self) -> String {
        self.config.progress_topic(&self.relay)
    }

    /// The lane of an event.
    pub(super) fn lane(&self, category: &Category, position: Position) -> Lane {
        Lane::of(self.log.id_of(position), self.slices, category)
    }

    pub(super) fn event_topic(&self, category: &str) -> String {
        self.config.topic(category)
    }
}
