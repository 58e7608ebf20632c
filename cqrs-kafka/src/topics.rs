//! Creates the topics that a relay and its consumers need.

use std::time::Instant;

use cqrs_core::ports::BoxError;
use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    error::{KafkaError as LibraryError, RDKafkaErrorCode as Code},
};
use tokio::runtime::Handle;

use crate::{
    blocking::run_blocking,
    cluster::ClusterClient,
    config::{KafkaConfig, check_name},
    error::{ClientError, KafkaError, denied, invalid_setting},
    logging::LoggingContext,
};

type TopicSettings = &'static [(&'static str, &'static str)];

/// Events are kept without limit, because a new consumer reads them from the beginning.
const EVENT_TOPIC: TopicSettings = &[("cleanup.policy", "delete"), ("retention.ms", "-1")];

/// Small segments: Kafka compacts only closed segments, and every start of a relay reads what compaction left.
const PROGRESS_TOPIC: TopicSettings = &[
    ("cleanup.policy", "compact"),
    ("segment.bytes", "10485760"),
    ("min.cleanable.dirty.ratio", "0.1"),
];

/// Creates topics. A topic that exists already is left unchanged.
///
/// ```no_run
/// use cqrs_kafka::{KafkaConfig, KafkaTopics};
///
/// # async fn create() -> Result<(), cqrs_kafka::KafkaError> {
/// let kafka = KafkaConfig::new("localhost:9092").topic_prefix("shop");
/// let topics = KafkaTopics::new(&kafka).partitions(12).replication_factor(3);
/// topics.create_for_categories(["order", "stock"]).await?;
/// topics.create_for_relay("relay", 1).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct KafkaTopics {
    config: KafkaConfig,
    partitions: i32,
    replication: Option<i32>,
}

impl KafkaTopics {
    /// Creates topics on this cluster, with the prefix of the config.
    #[must_use]
    pub fn new(config: &KafkaConfig) -> Self {
        Self {
            config: config.clone(),
            partitions: 6,
            replication: None,
        }
    }

    /// How many partitions a new event topic gets. 6 by default.
    ///
    /// This is how many consumers of a group can work at the same time. Do not change it later: events of a stream would
    /// go to another partition than before and lose their order.
    #[must_use]
    pub fn partitions(mut self, partitions: u16) -> Self {
        self.partitions = i32::from(partitions.max(1));
        self
    }

    /// How many brokers store a new topic. The default of the cluster unless set.
    ///
    /// A factor of 3 with `min.insync.replicas=2` on the cluster survives the loss of one broker.
    #[must_use]
    pub fn replication_factor(mut self, brokers: u16) -> Self {
        self.replication = Some(i32::from(brokers.max(1)));
        self
    }

    /// Creates the topics of these categories where they do not exist. They keep events without limit.
    ///
    /// # Errors
    /// [`KafkaError::Unreachable`], [`KafkaError::InvalidName`], [`KafkaError::InvalidSetting`],
    /// [`KafkaError::Denied`], or [`KafkaError::TopicNotCreated`] when the broker rejects a topic for another reason.
    pub async fn create_for_categories<C: AsRef<str>>(
        &self,
        categories: impl IntoIterator<Item = C>,
    ) -> Result<(), KafkaError> {
        let topics = categories
            .into_iter()
            .map(|category| self.config.topic(category.as_ref()))
            .collect();
        self.create(topics, self.partitions, EVENT_TOPIC).await
    }

    /// Creates the compacted progress topic of a relay where it does not exist, with one partition for each shard.
    ///
    /// # Errors
    /// As for [`create_for_categories`](Self::create_for_categories).
    pub async fn create_for_relay(&self, relay: &str, shards: u16) -> Result<(), KafkaError> {
        let topics = vec![self.config.progress_topic(relay)];
        self.create(topics, i32::from(shards.max(1)), PROGRESS_TOPIC)
            .await
    }

    async fn create(
        &self,
        topics: Vec<String>,
        partitions: i32,
        settings: TopicSettings,
    ) -> Result<(), KafkaError> {
        let creator = self.clone();
        let runtime = Handle::current();
        // The future of rdkafka's admin client is not `Send`, so one thread waits for it.
        run_blocking(move || {
            topics.iter().try_for_each(|topic| check_name(topic))?;
            let cluster = ClusterClient::connect(&creator.config)?;
            let missing = missing_topics(&cluster, topics)?;
            if missing.is_empty() {
                return Ok(());
            }
            creator.request(&missing, partitions, settings, &runtime)?;
            let deadline = Instant::now() + creator.config.response_timeout;
            missing
                .iter()
                .try_for_each(|topic| cluster.wait_for_topic(topic, deadline).map(drop))
        })
        .await?
    }

    fn request(
        &self,
        topics: &[String],
        partitions: i32,
        settings: TopicSettings,
        runtime: &Handle,
    ) -> Result<(), KafkaError> {
        if self.config.token_source().is_some() {
            let source = "librdkafka's admin client does not ask for tokens; create topics with another kind of login";
            return Err(self.not_created(&topics.join(", "), source));
        }
        let client = self.config.client(&[], &[]);
        let admin: AdminClient<LoggingContext> = client
            .create_with_context(LoggingContext::new(&self.config))
            .map_err(|error| invalid_setting(&client, error))?;
        // -1 means the default of the cluster.
        let replication = self.replication.unwrap_or(-1);
        let requests: Vec<NewTopic<'_>> = topics
            .iter()
            .map(|topic| new_topic(topic, partitions, replication, settings))
            .collect();
        let timeout = Some(self.config.response_timeout);
        let options = AdminOptions::new()
            .request_timeout(timeout)
            .operation_timeout(timeout);
        let outcomes = runtime
            .block_on(admin.create_topics(&requests, &options))
            .map_err(|error: LibraryError| {
                self.not_created(&topics.join(", "), ClientError::from(error))
            })?;
        for outcome in outcomes {
            match outcome {
                Ok(_) | Err((_, Code::TopicAlreadyExists)) => {}
                Err((
                    topic,
                    code @ (Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed),
                )) => return Err(denied(format!("topic {topic:?}"), "CREATE", code)),
                // Kafka accepts the characters, which were checked before.
                Err((name, Code::InvalidTopic)) => {
                    return Err(KafkaError::InvalidName {
                        name,
                        reason: COLLIDES,
                    });
                }
                Err((topic, code)) => return Err(self.not_created(&topic, code)),
            }
        }
        Ok(())
    }

    fn not_created(&self, topic: &str, source: impl Into<BoxError>) -> KafkaError {
        KafkaError::TopicNotCreated {
            topic: topic.to_owned(),
            brokers: self.config.brokers().to_owned(),
            source: source.into(),
        }
    }
}

/// Why a broker refuses a name that has only allowed characters.
const COLLIDES: &str = "differs from the name of another topic only in '.' and '_', which are the same in the names of Kafka's \
                        metrics; rename the category";

fn missing_topics(cluster: &ClusterClient, topics: Vec<String>) -> Result<Vec<String>, KafkaError> {
    let mut missing = Vec::new();
    for topic in topics {
        match cluster.partitions(&topic) {
            Ok(_) => {}
            Err(KafkaError::TopicMissing { topic, .. }) => missing.push(topic),
            Err(error) => return Err(error),
        }
    }
    Ok(missing)
}

fn new_topic(
    name: &str,
    partitions: i32,
    replication: i32,
    settings: TopicSettings,
) -> NewTopic<'_> {
    let new = NewTopic::new(name, partitions, TopicReplication::Fixed(replication));
    settings
        .iter()
        .fold(new, |new, (key, value)| new.set(key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_futures_that_create_topics_are_send() {
        fn assert_send<T: Send>(_: &T) {}
        let topics = KafkaTopics::new(&KafkaConfig::new("localhost:9092"));
        assert_send(&topics.create_for_categories(["order"]));
        assert_send(&topics.create_for_relay("relay", 1));
    }
}
