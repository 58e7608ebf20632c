//! Creates the topics that a relay and its consumers need.

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication, TopicResult},
    error::{KafkaResult, RDKafkaErrorCode as Code},
};

use crate::{
    KafkaConfig, KafkaError,
    config::check_name,
    connection::{Logging, Probe, blocking, denied, refused},
};

/// Topics of events are kept for ever: a new consumer reads them from the beginning.
const EVENTS: &[(&str, &str)] = &[("cleanup.policy", "delete"), ("retention.ms", "-1")];

/// Small segments, since only closed ones are compacted and every start reads what is left.
const PROGRESS: &[(&str, &str)] = &[
    ("cleanup.policy", "compact"),
    ("segment.bytes", "10485760"),
    ("min.cleanable.dirty.ratio", "0.1"),
];

/// Creates topics. One that exists is left as it is.
#[derive(Debug, Clone)]
pub struct KafkaTopics {
    config: KafkaConfig,
    partitions: i32,
    replication: Option<i32>,
}

impl KafkaTopics {
    /// On this cluster, with this prefix.
    #[must_use]
    pub fn new(config: &KafkaConfig) -> Self {
        Self {
            config: config.clone(),
            partitions: 6,
            replication: None,
        }
    }

    /// How many partitions a new topic of events has; 6 by default. Choose it once: it is how many consumers of a group
    /// can work side by side, and changing it breaks the order of streams across the change.
    #[must_use]
    pub fn partitions(mut self, partitions: u16) -> Self {
        self.partitions = i32::from(partitions.max(1));
        self
    }

    /// How many brokers hold a new topic; the cluster's own default unless set. Three, with `min.insync.replicas=2` on
    /// the cluster, survive the loss of one.
    #[must_use]
    pub fn replication_factor(mut self, brokers: u16) -> Self {
        self.replication = Some(i32::from(brokers.max(1)));
        self
    }

    /// Makes sure that each category has its topic, kept for ever.
    ///
    /// # Errors
    /// When the brokers cannot be reached, a name is not possible, or the broker refuses.
    pub async fn create_for_categories<C: AsRef<str>>(
        &self,
        categories: impl IntoIterator<Item = C>,
    ) -> Result<(), KafkaError> {
        let topics = categories
            .into_iter()
            .map(|category| self.config.topic(category.as_ref()))
            .collect();
        self.create(topics, self.partitions, EVENTS).await
    }

    /// Makes sure that the relay has its compacted progress topic, with a partition for each shard.
    ///
    /// # Errors
    /// When the brokers cannot be reached, a name is not possible, or the broker refuses.
    pub async fn create_for_relay(&self, relay: &str, shards: u16) -> Result<(), KafkaError> {
        let topics = vec![self.config.progress_topic(relay)];
        self.create(topics, i32::from(shards.max(1)), PROGRESS)
            .await
    }

    async fn create(
        &self,
        topics: Vec<String>,
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> Result<(), KafkaError> {
        let missing = self.missing(topics).await?;
        if missing.is_empty() {
            return Ok(());
        }
        let admin: AdminClient<Logging> = self
            .config
            .client(&[], &[])
            .create_with_context(Logging::default())
            .map_err(|error| refused(&error))?;
        let brokers = self.replication.unwrap_or(-1);
        let created = self
            .request(&admin, &missing, partitions, settings)
            .await;
        let created = created.map_err(|error| self.not_created(&missing.join(", "), &error))?;
        for outcome in created {
            match outcome {
                Ok(_) | Err((_, Code::TopicAlreadyExists)) => {}
                Err((topic, code @ Code::TopicAuthorizationFailed))
                | Err((topic, code @ Code::ClusterAuthorizationFailed)) => {
                    return Err(denied(&topic, code));
                }
                Err((topic, code)) => return Err(self.not_created(&topic, &code)),
            }
        }
        // Created is not yet known to every broker.
        let config = self.config.clone();
        blocking(move || await_known(&config, &missing)).await?
    }

    /// Not async: what is borrowed here must not be held while it waits, or no caller could be spawned.
    fn request(
        &self,
        admin: &AdminClient<Logging>,
        topics: &[String],
        partitions: i32,
        settings: &[(&str, &str)],
    ) -> impl Future<Output = KafkaResult<Vec<TopicResult>>> + Send + use<> {
        let replication = TopicReplication::Fixed(self.replication.unwrap_or(-1));
        let wanted: Vec<NewTopic<'_>> = topics
            .iter()
            .map(|topic| {
                let new = NewTopic::new(topic, partitions, replication);
                settings
                    .iter()
                    .fold(new, |new, (key, value)| new.set(key, value))
            })
            .collect();
        let options = AdminOptions::new()
            .request_timeout(Some(self.config.waits()))
            .operation_timeout(Some(self.config.waits()));
        admin.create_topics(&wanted, &options)
    }

    async fn missing(&self, topics: Vec<String>) -> Result<Vec<String>, KafkaError> {
        topics.iter().try_for_each(|topic| check_name(topic))?;
        let config = self.config.clone();
        blocking(move || {
            let probe = Probe::connect(&config)?;
            let mut missing = Vec::new();
            for topic in topics {
                match probe.partitions(&topic) {
                    Ok(_) => {}
                    Err(KafkaError::TopicMissing { topic, .. }) => missing.push(topic),
                    Err(error) => return Err(error),
                }
            }
            Ok(missing)
        })
        .await?
    }

    fn not_created(&self, topic: &str, reason: &impl ToString) -> KafkaError {
        KafkaError::NotCreated {
            topic: topic.to_owned(),
            brokers: self.config.brokers().to_owned(),
            reason: reason.to_string(),
        }
    }
}

fn await_known(config: &KafkaConfig, topics: &[String]) -> Result<(), KafkaError> {
    let probe = Probe::connect(config)?;
    let until = std::time::Instant::now() + config.waits();
    for topic in topics {
        loop {
            match probe.partitions(topic) {
                Err(KafkaError::TopicMissing { .. }) if std::time::Instant::now() < until => {
                    std::thread::sleep(std::time::Duration::from_millis(50));
                }
                outcome => break outcome.map(drop)?,
            }
        }
    }
    Ok(())
}
