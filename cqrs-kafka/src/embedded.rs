//! A Kafka cluster inside the process, for first runs and tests.

use std::fmt;

use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};

use crate::{KafkaError, config::check_name};

/// librdkafka's own mock cluster: real connections, real consumer groups, nothing to install.
///
/// It cannot show what the guarantees rest on: aborted and open transactions are **visible**, a second publisher does
/// **not** fence the first, and of a partition only the last 5 MiB are kept (reading behind them ends in
/// [`SourceError::OutOfRange`](cqrs_core::SourceError)). It has no Admin API, so [`KafkaTopics`](crate::KafkaTopics) does
/// not work on it: use [`create_topic`](Self::create_topic). The first member of a group waits three seconds.
///
/// Drop it last: after publishers and sources.
pub struct EmbeddedKafka {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl EmbeddedKafka {
    /// Starts a cluster of one broker on a free port of this machine.
    ///
    /// # Errors
    /// When there is no port or thread for it.
    pub fn start() -> Result<Self, KafkaError> {
        let cluster = MockCluster::new(1).map_err(|error| {
            KafkaError::Internal(format!(
                "the embedded Kafka cluster does not start: {error}"
            ))
        })?;
        Ok(Self { cluster })
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// When the name is not possible or exists already.
    pub fn create_topic(&self, topic: &str, partitions: u16) -> Result<(), KafkaError> {
        check_name(topic)?;
        let created = self.cluster.create_topic(topic, i32::from(partitions), 1);
        created.map_err(|error| KafkaError::NotCreated {
            topic: topic.to_owned(),
            brokers: self.bootstrap_servers(),
            reason: error.to_string(),
        })
    }

    /// Where it listens, for [`KafkaConfig::new`](crate::KafkaConfig::new).
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }
}

impl fmt::Debug for EmbeddedKafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedKafka")
            .field("bootstrap_servers", &self.bootstrap_servers())
            .finish()
    }
}
