//! Creates the topics that a relay and its consumers need.

use std::time::{Duration, Instant};

use rdkafka::{
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    error::RDKafkaErrorCode as Code,
};
use tokio::runtime::Handle;

use crate::{
    KafkaConfig, KafkaError,
    config::check_name,
    connection::{Logging, Probe, blocking, denied, refused},
};

type Settings = &'static [(&'static str, &'static str)];

/// Topics of events are kept for ever: a new consumer reads them from the beginning.
const EVENTS: Settings = &[("cleanup.policy", "delete"), ("retention.ms", "-1")];

/// Small segments, since only closed ones are compacted and every start reads what is left.
const PROGRESS: Settings = &[
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
        settings: Settings,
    ) -> Result<(), KafkaError> {
        let (creator, runtime) = (self.clone(), Handle::current());
        // What rdkafka's future borrows cannot be sent, so it is waited for on one thread.
        blocking(move || {
            topics.iter().try_for_each(|topic| check_name(topic))?;
            let probe = Probe::connect(&creator.config)?;
            let missing = missing(&probe, topics)?;
            if missing.is_empty() {
                return Ok(());
            }
            creator.request(&missing, partitions, settings, &runtime)?;
            // Created is not yet known to every broker.
            let until = Instant::now() + creator.config.waits();
            missing
                .iter()
                .try_for_each(|topic| await_known(&probe, topic, until))
        })
        .await?
    }

    fn request(
        &self,
        topics: &[String],
        partitions: i32,
        settings: Settings,
        runtime: &Handle,
    ) -> Result<(), KafkaError> {
        let admin: AdminClient<Logging> = self
            .config
            .client(&[], &[])
            .create_with_context(Logging::default())
            .map_err(|error| refused(&error))?;
        let brokers = self.replication.unwrap_or(-1);
        let new = |topic| {
            let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(brokers));
            settings
                .iter()
                .fold(new, |new, (key, value)| new.set(key, value))
        };
        let wanted: Vec<NewTopic<'_>> = topics.iter().map(|topic| new(topic.as_str())).collect();
        let options = AdminOptions::new()
            .request_timeout(Some(self.config.waits()))
            .operation_timeout(Some(self.config.waits()));
        let created = runtime
            .block_on(admin.create_topics(&wanted, &options))
            .map_err(|error| self.not_created(&topics.join(", "), &error))?;
        for outcome in created {
            match outcome {
                Ok(_) | Err((_, Code::TopicAlreadyExists)) => {}
                Err((
                    topic,
                    code @ (Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed),
                )) => return Err(denied(&topic, code)),
                Err((topic, code)) => return Err(self.not_created(&topic, &code)),
            }
        }
        Ok(())
    }

    fn not_created(&self, topic: &str, reason: &impl ToString) -> KafkaError {
        KafkaError::NotCreated {
            topic: topic.to_owned(),
            brokers: self.config.brokers().to_owned(),
            reason: reason.to_string(),
        }
    }
}

fn missing(probe: &Probe, topics: Vec<String>) -> Result<Vec<String>, KafkaError> {
    let mut missing = Vec::new();
    for topic in topics {
        match probe.partitions(&topic) {
            Ok(_) => {}
            Err(KafkaError::TopicMissing { topic, .. }) => missing.push(topic),
            Err(error) => return Err(error),
        }
    }
    Ok(missing)
}

fn await_known(probe: &Probe, topic: &str, until: Instant) -> Result<(), KafkaError> {
    loop {
        match probe.partitions(topic) {
            Err(KafkaError::TopicMissing { .. }) if Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(50));
            }
            outcome => return outcome.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn creating_can_be_spawned() {
        fn sent<T: Send>(_: &T) {}
        let topics = KafkaTopics::new(&KafkaConfig::new("localhost:9092"));
        sent(&topics.create_for_categories(["order"]));
        sent(&topics.create_for_relay("relay", 1));
    }
}
