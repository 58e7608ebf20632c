//! The part that both set-ups share: events go over Kafka.

use cqrs_kafka::{KafkaConfig, KafkaGroup, KafkaPublisher};

/// The brokers, and the names of the topics there.
#[derive(Debug, Clone)]
pub(super) struct Broker {
    pub(super) config: KafkaConfig,
}

impl Broker {
    pub(super) fn publisher(&self) -> KafkaPublisher {
        KafkaPublisher::new(&self.config)
    }

    /// The group that reads these categories' topics for a subscription.
    pub(super) fn group(&self, subscription: &str, categories: &[&str]) -> KafkaGroup {
        KafkaGroup::new(&self.config, subscription).categories(categories)
    }
}
