//! Asks the cluster for its id and its topics.

use std::time::{Duration, Instant};

use rdkafka::{
    consumer::{BaseConsumer, Consumer},
    error::RDKafkaErrorCode as Code,
    metadata::MetadataTopic,
};

use crate::{
    config::{KafkaConfig, check_name},
    error::{ClientError, KafkaError, denied},
    logging::{LoggingContext, reading_client},
    refusal::refused,
};

/// How long to wait before the metadata is read again.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// A client that only reads metadata. Every call blocks.
pub(crate) struct ClusterClient {
    config: KafkaConfig,
    consumer: BaseConsumer<LoggingContext>,
}

impl ClusterClient {
    /// Connects, and waits for the first response.
    pub(crate) fn connect(config: &KafkaConfig) -> Result<Self, KafkaError> {
        config.check_encryption()?;
        let consumer = reading_client(config, &config.client(&[], &[]))?;
        let client = Self {
            config: config.clone(),
            consumer,
        };
        client.cluster_id()?;
        Ok(client)
    }

    /// The client, for other questions.
    pub(crate) const fn consumer(&self) -> &BaseConsumer<LoggingContext> {
        &self.consumer
    }

    /// The id of the cluster. It distinguishes two clusters behind the same address.
    pub(crate) fn cluster_id(&self) -> Result<String, KafkaError> {
        let client = self.consumer.client();
        client
            .fetch_cluster_id(self.config.response_timeout)
            .ok_or_else(|| self.unreachable("the brokers did not send the id of the cluster"))
    }

    /// Whether this is librdkafka's in-process cluster, which knows no settings of topics.
    pub(crate) fn is_embedded(&self) -> Result<bool, KafkaError> {
        Ok(self.cluster_id()?.starts_with("mockCluster"))
    }

    /// How many partitions a topic has.
    pub(crate) fn partitions(&self, topic: &str) -> Result<usize, KafkaError> {
        check_name(topic)?;
        let deadline = Instant::now() + self.config.response_timeout;
        loop {
            let code = match self.fetch_partitions(topic)? {
                Ok(partitions) => return Ok(partitions),
                Err(code) => code,
            };
            match code {
                Code::TopicAuthorizationFailed => {
                    return Err(denied(
                        format!("topic {topic:?}"),
                        "DESCRIBE (READ and WRITE include it)",
                        code,
                    ));
                }
                Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::UnknownPartition => {
                    return Err(KafkaError::TopicMissing {
                        topic: topic.to_owned(),
                        brokers: self.config.brokers().to_owned(),
                    });
                }
                code if Instant::now() > deadline => return Err(self.unreachable(code)),
                // A new topic has no leader at first.
                _ => std::thread::sleep(RETRY_INTERVAL),
            }
        }
    }

    /// The topics that can have events: those with the prefix, without progress topics and Kafka's own.
    pub(crate) fn event_topics(&self) -> Result<Vec<String>, KafkaError> {
        let metadata = self
            .consumer
            .fetch_metadata(None, self.config.response_timeout)
            .map_err(|error| self.unreachable(ClientError::from(error)))?;
        let prefix = self.config.topic("");
        let names = metadata.topics().iter().map(MetadataTopic::name);
        let can_have_events = |name: &&str| {
            name.starts_with(&prefix) && !name.ends_with(".progress") && !name.starts_with("__")
        };
        Ok(names.filter(can_have_events).map(str::to_owned).collect())
    }

    /// How many partitions a topic has. Waits for it: brokers that have just started do not know their topics at first.
    pub(crate) fn partitions_in_time(&self, topic: &str) -> Result<usize, KafkaError> {
        self.wait_for_topic(topic, Instant::now() + self.config.response_timeout)
    }

    /// Waits until a topic that was just created is known to the brokers. Returns how many partitions it has.
    pub(crate) fn wait_for_topic(
        &self,
        topic: &str,
        deadline: Instant,
    ) -> Result<usize, KafkaError> {
        loop {
            match self.partitions(topic) {
                Err(KafkaError::TopicMissing { .. }) if Instant::now() < deadline => {
                    std::thread::sleep(RETRY_INTERVAL);
                }
                outcome => return outcome,
            }
        }
    }

    fn fetch_partitions(&self, topic: &str) -> Result<Result<usize, Code>, KafkaError> {
        let metadata = self
            .consumer
            .fetch_metadata(Some(topic), self.config.response_timeout)
            .map_err(|error| self.unreachable(ClientError::from(error)))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let Some(found) = found else {
            return Ok(Err(Code::UnknownTopicOrPartition));
        };
        if let Some(error) = found.error() {
            return Ok(Err(error.into()));
        }
        let partitions = found.partitions();
        let first_error = partitions.iter().find_map(|partition| partition.error());
        Ok(match first_error.map(Code::from) {
            // Clients need a leader. They do not need every replica.
            Some(Code::LeaderNotAvailable) => Err(Code::LeaderNotAvailable),
            _ => Ok(partitions.len()),
        })
    }

    /// Uses the last error of the connection if there is one: the error of the call is often just a time-out.
    pub(crate) fn unreachable(
        &self,
        error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> KafkaError {
        // librdkafka queues its errors until the next poll.
        for _ in 0..20 {
            let _ = self.consumer.poll(Duration::ZERO);
        }
        let reported = self.consumer.context().last_error();
        if let Some(refused) = refused(&self.config, reported.as_ref()) {
            return refused;
        }
        KafkaError::Unreachable {
            brokers: self.config.brokers().to_owned(),
            waited: self.config.response_timeout,
            source: reported.map_or_else(|| error.into(), Into::into),
        }
    }
}
