//! PostgreSQL and Apache Kafka. A killed run continues from their data.

use async_trait::async_trait;
use cqrs_kafka::{KafkaConfig, KafkaPublisher, KafkaSource, KafkaTopics};
use cqrs_postgres::{PgConfig, PgEventStore};

use super::{Setup, installation, kafka::Broker};
use crate::error::{ErrorContext, ShopError};

/// How many partitions every topic has.
const PARTITIONS: u16 = 6;

/// How many connections a service may use.
const CONNECTIONS: u32 = 8;

/// The set-up with servers. Each service has a schema of its own in the database.
#[derive(Debug, Clone)]
pub struct Real {
    database: PgConfig,
    run: String,
    broker: Broker,
}

impl Real {
    /// Connects, and reads the id of this database for the topic prefix.
    pub async fn connect(
        run: &str,
        database: &str,
        brokers: &str,
        settings: Vec<(String, String)>,
    ) -> Result<Self, ShopError> {
        let database = PgConfig::new(database);
        let store = store(&database, run.to_owned(), 1)
            .await
            .context("database")?;
        let prefix = format!("{run}-{}", installation::id(store).await?);
        let config = KafkaConfig::new(brokers).topic_prefix(prefix);
        let config = settings
            .into_iter()
            .fold(config, |config, (key, value)| config.set(key, value));
        let broker = Broker { config };
        let run = run.to_owned();
        Ok(Self {
            database,
            run,
            broker,
        })
    }
}

async fn store(
    database: &PgConfig,
    schema: String,
    connections: u32,
) -> Result<PgEventStore, cqrs_core::StoreError> {
    let config = database.clone().schema(schema).max_connections(connections);
    PgEventStore::install(&config).await?;
    PgEventStore::connect(&config).await
}

#[async_trait]
impl Setup for Real {
    type Store = PgEventStore;
    type Source = KafkaSource;
    type Publisher = KafkaPublisher;

    fn name(&self) -> &'static str {
        "real: PostgreSQL and Apache Kafka"
    }

    fn caveat(&self) -> Option<&'static str> {
        None
    }

    async fn open(
        &self,
        service: &'static str,
        category: &'static str,
    ) -> Result<PgEventStore, ShopError> {
        let topics = KafkaTopics::new(&self.broker.config).partitions(PARTITIONS);
        topics
            .create_for_categories([category])
            .await
            .context(service)?;
        topics.create_for_relay(service, 1).await.context(service)?;
        let schema = format!("{}_{service}", self.run);
        store(&self.database, schema, CONNECTIONS)
            .await
            .context(service)
    }

    fn publisher(&self) -> KafkaPublisher {
        self.broker.publisher()
    }

    fn source(&self, subscription: &str, categories: &[&str]) -> KafkaSource {
        // A static member: a shop that was killed gets its partitions back at once.
        let group = self.broker.group(subscription, categories);
        let member = group.instance_id(format!("{subscription}-0"));
        member.source()
    }
}
