//! What both set-ups have in common: the events go over Kafka.

use cqrs_core::model::PartitionId;
use cqrs_kafka::{KafkaConfig, KafkaGroup, KafkaPublisher};

/// Kafka, and how many partitions the shop's topics have there.
#[derive(Debug, Clone)]
pub(super) struct Broker {
    pub(super) config: KafkaConfig,
    pub(super) partitions: u16,
}

impl Broker {
    pub(super) fn publisher(&self) -> KafkaPublisher {
        KafkaPublisher::new(self.config.clone())
    }

    /// The group that reads these categories' topics for a subscription.
    pub(super) fn group(&self, subscription: &str, categories: &[&str]) -> KafkaGroup {
        KafkaGroup::new(&self.config, subscription).categories(categories)
    }

    pub(super) fn partitions(&self, category: &str) -> Vec<PartitionId> {
        let topic = self.config.topic(category);
        let partition = |partition| PartitionId::Topic {
            topic: topic.as_str().into(),
            partition,
        };
        (0..i32::from(self.partitions)).map(partition).collect()
    }
}
