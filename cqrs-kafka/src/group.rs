//! The options of a consumer group, and joining it.

use std::{collections::BTreeSet, time::Duration};

use rdkafka::ClientConfig;

use crate::{
    config::KafkaConfig,
    error::KafkaError,
    source::{KafkaSource, SourceOptions, open_transactions},
};

/// A consumer group, and how this process is a member of it.
///
/// [`source`](Self::source) makes it the source of a [`Runner`](cqrs_core::Runner).
///
/// ```no_run
/// # use cqrs_core::{DocumentKeys, Envelope, Event, MemoryEventStore, Runner, View};
/// # use cqrs_kafka::{KafkaConfig, KafkaGroup};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum OrderEvent { Placed }
/// # impl Event for OrderEvent { const CATEGORY: &'static str = "order"; }
/// # struct Orders;
/// # impl View for Orders {
/// #     const NAME: &'static str = "orders"; type Events = OrderEvent; type Document = u64;
/// #     fn keys(&self, event: &Envelope<OrderEvent>) -> DocumentKeys { event.id().into() }
/// #     fn apply(&self, _: &str, n: Option<u64>, _: &Envelope<OrderEvent>) -> Option<u64> { Some(n.unwrap_or(0) + 1) }
/// # }
/// # async fn consume(stop: impl Future<Output = ()> + Send) -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// let kafka = KafkaConfig::new("localhost:9092").topic_prefix("shop");
/// let source = KafkaGroup::new(&kafka, "orders")
///     .categories(["order"])
///     .instance_id("orders-0")
///     .source();
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
    drain_timeout: Duration,
}

impl KafkaGroup {
    /// The group `{prefix}.{name}`. Its members share the partitions of its topics.
    ///
    /// All members read for one subscription of one store. A runner for another subscription, or for the same one of another store,
    /// ends with [`KafkaError::GroupShared`] before its first event. So each member's `client.id` ends with its subscription
    /// and the place of its store, and so does, as a hash, its [instance id](Self::instance_id).
    #[must_use]
    pub fn new(config: &KafkaConfig, name: impl AsRef<str>) -> Self {
        Self {
            config: config.clone(),
            group: config.group(name.as_ref()),
            topics: BTreeSet::new(),
            instance_id: None,
            session_timeout: Duration::from_secs(45),
            drain_timeout: Duration::from_secs(5),
        }
    }

    /// Adds the topics of these categories.
    #[must_use]
    pub fn categories<C: AsRef<str>>(mut self, categories: impl IntoIterator<Item = C>) -> Self {
        for category in categories {
            self.topics.insert(self.config.topic(category.as_ref()));
        }
        self
    }

    /// Adds these topics. The names are complete: no prefix is added.
    #[must_use]
    pub fn topics<T: Into<String>>(mut self, topics: impl IntoIterator<Item = T>) -> Self {
        self.topics.extend(topics.into_iter().map(Into::into));
        self
    }

    /// Makes this process a static member of the group with this name.
    ///
    /// A static member that is killed and started again gets its partitions back at once. Without a name they stay idle
    /// for the session time-out. Two processes must not use the same name. A static member that stops does not leave the
    /// group: others get its partitions after the session time-out.
    #[must_use]
    pub fn instance_id(mut self, id: impl Into<String>) -> Self {
        self.instance_id = Some(id.into());
        self
    }

    /// A member that is silent for this long loses its partitions to others. 45 seconds by default.
    #[must_use]
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.session_timeout = timeout;
        self
    }

    /// How long a revoked partition waits for the current batch. 5 seconds by default.
    ///
    /// A batch that takes longer is rolled back, because the store fences it, and the next owner repeats it.
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// The source of a [`Runner`](cqrs_core::Runner). It joins the group when the runner starts. The runner retries
    /// until a broker responds. Invalid settings, missing rights and missing topics end the runner.
    #[must_use]
    pub fn source(self) -> KafkaSource {
        KafkaSource::new(SourceOptions {
            client: self.client_config(),
            config: self.config,
            group: self.group,
            topics: self.topics.into_iter().collect(),
            drain_timeout: self.drain_timeout,
        })
    }

    /// Asks the brokers for the topics at once, for programs that must end if they cannot read them. Like
    /// [`source`](Self::source), it joins the group when the runner starts.
    ///
    /// # Errors
    /// [`KafkaError::NoTopics`], [`KafkaError::Unreachable`], [`KafkaError::TopicMissing`], [`KafkaError::TopicSetting`],
    /// [`KafkaError::InvalidName`], [`KafkaError::InvalidSetting`], [`KafkaError::Denied`] or [`KafkaError::Internal`].
    pub async fn connect(self) -> Result<KafkaSource, KafkaError> {
        let source = self.source();
        source.check().await?;
        Ok(source)
    }

    fn client_config(&self) -> ClientConfig {
        let session = self.session_timeout.as_millis();
        let session_timeout = session.to_string();
        let heartbeat_interval = (session / 5).clamp(100, 3_000).to_string();
        let defaults = [
            ("partition.assignment.strategy", "cooperative-sticky"),
            ("session.timeout.ms", session_timeout.as_str()),
            ("heartbeat.interval.ms", heartbeat_interval.as_str()),
            // A pause discards what librdkafka has fetched ahead, so it fetches little and soon.
            ("queued.max.messages.kbytes", "8192"),
            // The kilobytes above are those of values. These bound what librdkafka holds of large headers: the number of
            // records, and the compressed bytes of a response, which it decompresses at once.
            ("queued.min.messages", "100"),
            ("max.partition.fetch.bytes", "262144"),
            ("fetch.queue.backoff.ms", "5"),
            ("statistics.interval.ms", open_transactions::INTERVAL_MS),
        ];
        let fixed = [
            ("group.id", self.group.as_str()),
            ("enable.auto.commit", "false"),
            ("enable.auto.offset.store", "false"),
            ("isolation.level", "read_committed"),
            // Every other value skips events silently.
            ("auto.offset.reset", "error"),
        ];
        let mut client = self.config.client(&defaults, &fixed);
        if let Some(instance_id) = &self.instance_id {
            client.set("group.instance.id", instance_id);
        }
        client
    }
}
