//! What both set-ups have in common: the events go over Kafka.

use cqrs_core::PartitionId;
use cqrs_kafka::{KafkaConfig, KafkaGroup, KafkaPublisher, KafkaSource};

use crate::error::{At, ShopError};

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

    /// Joins the group as its only member. The member has a name of its own, so that a shop that was killed has its
    /// partitions back at once when it is started again.
    pub(super) async fn source(
        &self,
        subscription: &str,
        categories: &[&str],
    ) -> Result<KafkaSource, ShopError> {
        KafkaGroup::new(&self.config, subscription)
            .categories(categories)
            .instance_id(format!("{subscription}-0"))
            .join()
            .await
            .at("kafka")
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
