//! A Kafka cluster inside the process, for first runs and tests.

use std::{
    fmt,
    sync::mpsc::{Receiver, Sender, channel},
    thread::JoinHandle,
};

use cqrs_core::ports::BoxError;
use rdkafka::{mocking::MockCluster, producer::DefaultProducerContext};

use crate::{
    config::check_name,
    error::{ClientError, KafkaError, internal},
};

/// librdkafka's mock cluster: real connections and real consumer groups, with nothing to install.
///
/// It lacks what the guarantees depend on. Aborted and open transactions are **visible**, a second publisher does
/// **not** fence the first, and a partition keeps only the last 5 MiB. An older offset is
/// [`SourceError::OutOfRange`](cqrs_core::ports::SourceError). It has no Admin API, so [`KafkaTopics`](crate::KafkaTopics) does
/// not work: use [`create_topic`](Self::create_topic). The first member of a group waits three seconds.
///
/// Drop it after the publishers and sources that use it.
///
/// ```
/// use cqrs_kafka::{EmbeddedKafka, KafkaConfig};
///
/// # fn main() -> Result<(), cqrs_kafka::KafkaError> {
/// let cluster = EmbeddedKafka::start()?;
/// let kafka = KafkaConfig::new(cluster.bootstrap_servers()).topic_prefix("shop");
/// cluster.create_topic(&kafka.topic("order"), 4)?;
/// cluster.create_topic(&kafka.progress_topic("relay"), 1)?;
/// # Ok(())
/// # }
/// ```
pub struct EmbeddedKafka {
    brokers: String,
    /// `None` ends the thread.
    requests: Option<Sender<TopicRequest>>,
    thread: Option<JoinHandle<()>>,
}

/// Asks the cluster's thread to create a topic.
struct TopicRequest {
    name: String,
    partitions: u16,
    response: Sender<Result<(), ClientError>>,
}

type Cluster = MockCluster<'static, DefaultProducerContext>;

impl EmbeddedKafka {
    /// Starts a cluster with one broker on a free port of this machine.
    ///
    /// # Errors
    /// [`KafkaError::Internal`] when no port or thread is available.
    pub fn start() -> Result<Self, KafkaError> {
        let (started, brokers) = channel();
        let (requests, received) = channel();
        // The handle of librdkafka's mock cluster is not `Send`, so one thread creates and keeps it.
        let thread = std::thread::Builder::new()
            .name("embedded-kafka".to_owned())
            .spawn(move || run_cluster(&started, &received))
            .map_err(not_started)?;
        let brokers = brokers.recv().map_err(not_started)?;
        Ok(Self {
            brokers: brokers?,
            requests: Some(requests),
            thread: Some(thread),
        })
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// [`KafkaError::InvalidName`], or [`KafkaError::TopicNotCreated`] when the topic exists already.
    pub fn create_topic(&self, topic: &str, partitions: u16) -> Result<(), KafkaError> {
        check_name(topic)?;
        self.request_topic(topic, partitions)
            .map_err(|source| KafkaError::TopicNotCreated {
                topic: topic.to_owned(),
                brokers: self.bootstrap_servers(),
                source,
            })
    }

    fn request_topic(&self, topic: &str, partitions: u16) -> Result<(), BoxError> {
        let (response, outcome) = channel();
        let request = TopicRequest {
            name: topic.to_owned(),
            partitions,
            response,
        };
        let ended = || BoxError::from("the thread of the embedded cluster has ended");
        let requests = self.requests.as_ref().ok_or_else(ended)?;
        requests.send(request).map_err(|_| ended())?;
        Ok(outcome.recv().map_err(|_| ended())??)
    }

    /// The address of the broker, for [`KafkaConfig::new`](crate::KafkaConfig::new).
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        self.brokers.clone()
    }
}

/// Keeps the cluster until the sender of the requests is dropped.
fn run_cluster(started: &Sender<Result<String, KafkaError>>, requests: &Receiver<TopicRequest>) {
    let cluster = match Cluster::new(1) {
        Ok(cluster) => cluster,
        Err(error) => {
            // Nobody receives it if `start` has given up.
            let _ = started.send(Err(internal(NOT_STARTED, error)));
            return;
        }
    };
    let _ = started.send(Ok(cluster.bootstrap_servers()));
    for request in requests {
        let created = cluster.create_topic(&request.name, i32::from(request.partitions), 1);
        let _ = request.response.send(created.map_err(ClientError::from));
    }
}

const NOT_STARTED: &str = "the embedded Kafka cluster does not start";

fn not_started(source: impl Into<BoxError>) -> KafkaError {
    KafkaError::Internal {
        context: NOT_STARTED,
        source: source.into(),
    }
}

impl Drop for EmbeddedKafka {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            // A panic was reported by the thread itself.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for EmbeddedKafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmbeddedKafka")
            .field("bootstrap_servers", &self.brokers)
            .finish_non_exhaustive()
    }
}
