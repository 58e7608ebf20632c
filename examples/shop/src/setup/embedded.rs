//! Nothing to install: a store in memory for every service, and librdkafka's in-process cluster between them.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use cqrs_core::MemoryEventStore;
use cqrs_kafka::{EmbeddedKafka, KafkaConfig, KafkaPublisher, KafkaSource};

use super::{Setup, kafka::Broker};
use crate::{
    cli::Options,
    error::{ErrorContext, ShopError},
};

/// How many partitions every topic has.
const PARTITIONS: u16 = 4;

/// How much of a partition the cluster keeps. It drops older records.
const PARTITION_BYTES: u64 = 5 * 1024 * 1024;

/// How many bytes one order adds to the topic of orders, the fullest one. Measured with headers, and rounded up.
const BYTES_PER_ORDER: u64 = 3_000;

/// The fullest partition may hold this multiple of its share.
const SKEW: u64 = 2;

/// The most orders without a dropped event.
const MOST_ORDERS: u64 = PARTITION_BYTES * PARTITIONS as u64 / (BYTES_PER_ORDER * SKEW);

/// The cluster holds back an empty fetch for this time, even if a record arrives in between.
const FETCH_WAIT_MS: &str = "10";

/// A reader that starts again waits this long, less one second. The first reader of a group waits three seconds.
const SESSION: Duration = Duration::from_secs(4);

/// How long the publishers may take to close in the background. Without their cluster they would log errors.
const CLOSING_TIME: Duration = Duration::from_millis(300);

/// The set-up without servers.
#[derive(Debug, Clone)]
pub struct Embedded {
    broker: Broker,
    /// Declared after the clients, so that it is dropped last.
    cluster: Arc<EmbeddedKafka>,
}

impl Embedded {
    /// Starts the cluster.
    pub fn start(options: &Options) -> Result<Self, ShopError> {
        if options.orders > MOST_ORDERS {
            return Err(too_many(options.orders));
        }
        let cluster = EmbeddedKafka::start().context("embedded kafka")?;
        let config = KafkaConfig::new(cluster.bootstrap_servers())
            .topic_prefix(&options.name)
            .set("fetch.wait.max.ms", FETCH_WAIT_MS);
        let broker = Broker { config };
        let cluster = Arc::new(cluster);
        Ok(Self { broker, cluster })
    }
}

fn too_many(orders: u64) -> ShopError {
    let reason = format!(
        "{orders} are too many for the embedded Kafka cluster: it keeps 5 MiB of each partition, which is enough for \
         {MOST_ORDERS} orders. Run more on PostgreSQL and Kafka: eval \"$(scripts/services up)\", \
         or set DATABASE_URL and KAFKA_BROKERS"
    );
    ShopError::new("--orders", &reason)
}

#[async_trait]
impl Setup for Embedded {
    type Store = MemoryEventStore;
    type Source = KafkaSource;
    type Publisher = KafkaPublisher;

    fn name(&self) -> &'static str {
        "embedded: memory store, librdkafka's in-process cluster"
    }

    fn caveat(&self) -> Option<&'static str> {
        Some(
            "This set-up does not hide aborted transactions, does not fence a second relay, and loses its data at the \
             end. For the full guarantees run on PostgreSQL and Kafka: set DATABASE_URL and KAFKA_BROKERS, or eval \
             \"$(scripts/services up)\".",
        )
    }

    async fn open(
        &self,
        service: &'static str,
        category: &'static str,
    ) -> Result<MemoryEventStore, ShopError> {
        let config = &self.broker.config;
        let topics = [
            (config.topic(category), PARTITIONS),
            (config.progress_topic(service), 1),
        ];
        for (topic, partitions) in topics {
            self.cluster
                .create_topic(&topic, partitions)
                .context(service)?;
        }
        Ok(MemoryEventStore::default())
    }

    fn publisher(&self) -> KafkaPublisher {
        self.broker.publisher()
    }

    fn source(&self, subscription: &str, categories: &[&str]) -> KafkaSource {
        let group = self.broker.group(subscription, categories);
        group.session_timeout(SESSION).source()
    }

    async fn close(self) {
        tokio::time::sleep(CLOSING_TIME).await;
        drop(self.cluster);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn more_orders_than_it_can_keep_are_rejected_with_advice() {
        let orders = (MOST_ORDERS + 1).to_string();
        let error = Embedded::start(&Options::parse_from(["shop", "--orders", &orders]));
        let said = error.expect_err("too many").to_string();
        assert!(
            said.starts_with(&format!("--orders: {orders} are too many")),
            "{said}"
        );
        assert!(said.contains("DATABASE_URL and KAFKA_BROKERS"));
    }
}
