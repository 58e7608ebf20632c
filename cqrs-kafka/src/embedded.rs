//! A Kafka cluster inside the process, for first runs and tests.

use std::{
    fmt,
    sync::mpsc::{Receiver, Sender, channel},
    thread::JoinHandle,
};

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
    brokers: String,
    /// Taken away when the thread is to end.
    orders: Option<Sender<NewTopic>>,
    thread: Option<JoinHandle<()>>,
}

/// A topic to be created, and where to say how that went.
struct NewTopic {
    name: String,
    partitions: u16,
    created: Sender<Result<(), String>>,
}

type Cluster = MockCluster<'static, DefaultProducerContext>;

impl EmbeddedKafka {
    /// Starts a cluster of one broker on a free port of this machine.
    ///
    /// # Errors
    /// When there is no port or thread for it.
    pub fn start() -> Result<Self, KafkaError> {
        let (started, brokers) = channel();
        let (orders, ordered) = channel();
        // librdkafka's handle may not leave the thread that made it.
        let thread = std::thread::Builder::new()
            .name("embedded-kafka".to_owned())
            .spawn(move || own(&started, &ordered))
            .map_err(|error| not_started(&error.to_string()))?;
        let brokers = brokers
            .recv()
            .map_err(|_| not_started("its thread ended"))?;
        Ok(Self {
            brokers: brokers.map_err(|error| not_started(&error))?,
            orders: Some(orders),
            thread: Some(thread),
        })
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// When the name is not possible or exists already.
    pub fn create_topic(&self, topic: &str, partitions: u16) -> Result<(), KafkaError> {
        check_name(topic)?;
        self.order(topic, partitions)
            .map_err(|reason| KafkaError::NotCreated {
                topic: topic.to_owned(),
                brokers: self.bootstrap_servers(),
                reason,
            })
    }

    fn order(&self, topic: &str, partitions: u16) -> Result<(), String> {
        let (created, outcome) = channel();
        let new = NewTopic {
            name: topic.to_owned(),
            partitions,
            created,
        };
        let gone = || "the cluster's thread has ended".to_owned();
        let orders = self.orders.as_ref().ok_or_else(gone)?;
        orders.send(new).map_err(|_| gone())?;
        outcome.recv().map_err(|_| gone())?
    }

    /// Where it listens, for [`KafkaConfig::new`](crate::KafkaConfig::new).
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        self.brokers.clone()
    }
}

/// Owns the cluster until nobody can order anything any more.
fn own(started: &Sender<Result<String, String>>, ordered: &Receiver<NewTopic>) {
    let cluster = Cluster::new(1).map_err(|error| error.to_string());
    let answer = cluster.as_ref().map(Cluster::bootstrap_servers);
    // Whoever does not wait for an answer does not need it.
    let _ = started.send(answer.map_err(Clone::clone));
    let Ok(cluster) = cluster else { return };
    for new in ordered {
        let created = cluster.create_topic(&new.name, i32::from(new.partitions), 1);
        let _ = new.created.send(created.map_err(|error| error.to_string()));
    }
}

fn not_started(reason: &str) -> KafkaError {
    KafkaError::Internal(format!(
        "the embedded Kafka cluster does not start: {reason}"
    ))
}

impl Drop for EmbeddedKafka {
    fn drop(&mut self) {
        drop(self.orders.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its own thread.
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
