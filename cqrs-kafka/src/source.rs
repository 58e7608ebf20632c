//! A consumer group as a source of batches: topics' partitions as the group gives them to us, read from where the database says.
//!
//! ```text
//! poll thread:  librdkafka -> rebalance -> offer a reader          -> KafkaSource::assigned
//!                          -> record    -> decode -> slot's buffer -> KafkaReader::next
//!               start, resume, return   <- orders                  <- KafkaReader
//! ```
//!
//! Only the poll thread touches the consumer. It never waits for the database: a partition is assigned *paused*, and its
//! reader says where to start. So a database that is away cannot cost the membership.

mod buffer;
mod client;
mod group;
mod poll;
mod reader;
mod rebalance;
mod trouble;

use std::{collections::BTreeSet, fmt, time::Duration};

use async_trait::async_trait;
use cqrs_core::{Source, SourceError};
use tokio::sync::{mpsc, oneshot, watch};

pub use self::reader::KafkaReader;
use self::{group::Group, poll::PollThread};
use crate::{
    KafkaConfig, KafkaError,
    connection::{Probe, blocking},
};

/// A consumer group, and how this process is to be a member of it.
///
/// ```no_run
/// # use cqrs_core::{MemoryEventStore, Runner, View, Keys, Envelope, Event};
/// # use cqrs_kafka::{KafkaConfig, KafkaGroup};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum OrderEvent { Placed }
/// # impl Event for OrderEvent { const CATEGORY: &'static str = "order"; }
/// # struct Orders;
/// # impl View for Orders {
/// #     const NAME: &'static str = "orders"; type Events = OrderEvent; type Document = u64;
/// #     fn keys(&self, event: &Envelope<OrderEvent>) -> Keys { event.id().into() }
/// #     fn apply(&self, _: &str, n: Option<u64>, _: &Envelope<OrderEvent>) -> Option<u64> { Some(n.unwrap_or(0) + 1) }
/// # }
/// # async fn consume(stop: impl Future<Output = ()> + Send) -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// let kafka = KafkaConfig::new("localhost:9092").topic_prefix("shop");
/// let source = KafkaGroup::new(&kafka, "orders")
///     .categories(["order"])
///     .instance_id("orders-0")
///     .join()
///     .await?;
/// Runner::over(&store, Orders, source)?.run(stop).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct KafkaGroup {
    config: KafkaConfig,
    group: String,
    topics: BTreeSet<String>,
    instance_id: Option<String>,
    session_timeout: Duration,
    drain: Duration,
}

impl KafkaGroup {
    /// The group `{prefix}.{name}`. Its members share the partitions of its topics.
    #[must_use]
    pub fn new(config: &KafkaConfig, name: &str) -> Self {
        Self {
            config: config.clone(),
            group: config.group(name),
            topics: BTreeSet::new(),
            instance_id: None,
            session_timeout: Duration::from_secs(45),
            drain: Duration::from_secs(5),
        }
    }

    /// Reads the topics of these categories, too.
    #[must_use]
    pub fn categories<C: AsRef<str>>(mut self, categories: impl IntoIterator<Item = C>) -> Self {
        let topics = categories
            .into_iter()
            .map(|category| self.config.topic(category.as_ref()));
        self.topics.extend(topics.collect::<Vec<_>>());
        self
    }

    /// Reads these topics, too: full names, no prefix is added.
    #[must_use]
    pub fn topics<T: Into<String>>(mut self, topics: impl IntoIterator<Item = T>) -> Self {
        self.topics.extend(topics.into_iter().map(Into::into));
        self
    }

    /// Makes this process a static member, known by this name within the group.
    ///
    /// Killed and started again it has its partitions back at once; without a name they lie idle for the session
    /// time-out. No two processes may use one name. A static member that stops does not leave the group: its partitions
    /// wait for it for the session time-out before others get them.
    #[must_use]
    pub fn instance_id(mut self, id: impl Into<String>) -> Self {
        self.instance_id = Some(id.into());
        self
    }

    /// How long a member may be silent before its partitions go to others; 45 seconds by default.
    #[must_use]
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.session_timeout = timeout;
        self
    }

    /// How long a partition that is taken away waits for the batch in hand; 5 seconds by default. A batch that takes
    /// longer is rolled back by the store's fence, and repeated by the next owner.
    #[must_use]
    pub fn drain_deadline(mut self, deadline: Duration) -> Self {
        self.drain = deadline;
        self
    }

    /// Joins the group. Partitions come through [`Source::assigned`].
    ///
    /// # Errors
    /// When no broker answers, a topic does not exist, or settings or rights are wrong.
    pub async fn join(self) -> Result<KafkaSource, KafkaError> {
        if self.topics.is_empty() {
            let reason = format!(
                "group {:?} has no topics; name categories or topics",
                self.group
            );
            return Err(KafkaError::InvalidSetting { reason });
        }
        blocking(move || {
            let probe = Probe::connect(&self.config)?;
            self.topics
                .iter()
                .try_for_each(|topic| probe.partitions(topic).map(drop))?;
            KafkaSource::start(&self)
        })
        .await?
    }
}

/// A member of a consumer group.
///
/// Stopping it finishes what is in hand and leaves the group; dropping it does so in the background.
pub struct KafkaSource {
    group: String,
    offers: mpsc::UnboundedReceiver<Result<KafkaReader, SourceError>>,
    /// `true`: stop. The receiver lives as long as the poll thread or any reader.
    stop: watch::Sender<bool>,
    /// Resolves when the poll thread has left the group.
    left: Option<oneshot::Receiver<()>>,
}

impl KafkaSource {
    fn start(options: &KafkaGroup) -> Result<Self, KafkaError> {
        let (offer, offers) = mpsc::unbounded_channel();
        let (stop, stopping) = watch::channel(false);
        let (group, orders) = Group::new(offer, stopping, options.drain);
        let left = PollThread::spawn(options, group, orders)?;
        Ok(Self {
            group: options.group.clone(),
            offers,
            stop,
            left: Some(left),
        })
    }
}

#[async_trait]
impl Source for KafkaSource {
    type Reader = KafkaReader;

    async fn assigned(&mut self) -> Result<Option<KafkaReader>, SourceError> {
        while let Some(left) = &mut self.left {
            tokio::select! {
                biased;
                Some(offer) = self.offers.recv() => match offer {
                    // Taken away again before anybody had it.
                    Ok(reader) if cqrs_core::Reader::revoked(&reader) => drop(reader),
                    offer => return offer.map(Some),
                },
                // An error means that the thread is gone without a word, which is an end as well.
                _ = left => self.left = None,
            }
        }
        self.offers.close();
        while let Ok(offer) = self.offers.try_recv() {
            drop(offer?);
        }
        self.stop.closed().await;
        Ok(None)
    }

    fn stop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl Drop for KafkaSource {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

impl fmt::Debug for KafkaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSource")
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}
