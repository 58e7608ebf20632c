//! Publishes a store's events exactly once, with one transactional producer for each shard of a relay.
//!
//! The position of a shard is a record in the progress topic, written in the same Kafka transaction as the events.
//!
//! To open a shard, `init_transactions` fences all earlier producers of the shard and ends their open transaction. Then
//! the shard commits a claim to the progress topic and reads the topic up to this claim. Nobody else can write there any
//! more, so what it reads is final. (Kafka Connect's KIP-618 and Materialize's sink have the same design.)
//!
//! librdkafka lacks KIP-890: a late response to an old commit could end a newer transaction. So after a commit or abort
//! with an unknown outcome, the producer is dropped and the shard is opened again.

mod client;
mod dead_letters;
mod delivery;
mod delivery_reports;
mod failure;
mod partitioner;
mod producer;
mod progress;
mod progress_reader;
mod recovery;
mod session;
mod shard;
mod topic_check;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use cqrs_core::{
    model::{Checkpoint, Slices},
    ports::{Publication, PublishError, PublishedShard, Publisher},
};
use uuid::Uuid;

pub use self::{dead_letters::KafkaDeadLetters, session::KafkaSession};
use self::{
    producer::ShardProducer,
    progress::{ProgressRecord, ShardLayout, ShardProgress},
    progress_reader::{ReadUntil, read_progress},
    shard::Shard,
};
use crate::{
    blocking::run_blocking,
    cluster::ClusterClient,
    config::KafkaConfig,
    error::KafkaError,
    topic_settings::{self, TopicUse},
};

/// Publishes to Kafka, for a [`Relay`](cqrs_core::Relay).
///
/// A consumer that reads `read_committed` gets every event once, and those of a stream in order. The topic of each
/// category and the progress topic of the relay must exist: [`KafkaTopics`](crate::KafkaTopics) creates them.
///
/// ```no_run
/// use cqrs_core::{MemoryEventStore, Relay};
/// use cqrs_kafka::{KafkaConfig, KafkaPublisher};
///
/// # async fn relay(stop: impl Future<Output = ()> + Send) -> Result<(), cqrs_core::relay::RelayError> {
/// let kafka = KafkaConfig::new("localhost:9092").topic_prefix("shop");
/// let store = MemoryEventStore::default();
/// Relay::new(&store, "relay", KafkaPublisher::new(&kafka)).run(stop).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct KafkaPublisher {
    config: KafkaConfig,
    /// The id of the last opening of each relay. A reopened shard that has another owner was taken over.
    owners: Arc<Mutex<HashMap<String, Uuid>>>,
}

/// What a start needs to know of the progress topic.
struct CheckedTopic {
    cluster_id: String,
    partitions: usize,
}

impl KafkaPublisher {
    /// Publishes to this cluster, with the prefix of the config.
    #[must_use]
    pub fn new(config: &KafkaConfig) -> Self {
        Self {
            config: config.clone(),
            owners: Arc::default(),
        }
    }

    /// Checks that the progress topic has a partition for each shard.
    fn check_progress_topic(&self, relay: &str, shards: u16) -> Result<CheckedTopic, KafkaError> {
        let cluster = ClusterClient::connect(&self.config)?;
        let topic = self.config.progress_topic(relay);
        let partitions = cluster.partitions_in_time(&topic)?;
        if partitions < usize::from(shards) {
            return Err(KafkaError::ProgressTopicTooSmall {
                topic,
                partitions,
                relay: relay.to_owned(),
                shards,
            });
        }
        topic_settings::check(&self.config, &cluster, [&*topic], TopicUse::Progress)?;
        Ok(CheckedTopic {
            cluster_id: cluster.cluster_id()?,
            partitions,
        })
    }

    fn shard(
        &self,
        publication: &Publication,
        number: u16,
        owner: Uuid,
        progress: &CheckedTopic,
    ) -> Shard {
        Shard {
            config: self.config.clone(),
            relay: publication.relay.clone(),
            number,
            slices: Slices::part(number, publication.shards),
            log: publication.log.clone(),
            owner,
            cluster_id: progress.cluster_id.clone(),
            partitions: progress.partitions,
        }
    }

    fn open_all(&self, publication: &Publication) -> Result<Vec<KafkaSession>, PublishError> {
        let (relay, shards) = (&publication.relay, publication.shards);
        let topic = self.check_progress_topic(relay, shards)?;
        let owner = self.new_owner(relay);
        let shard = |number| self.shard(publication, number, owner, &topic);
        let own: Vec<Shard> = (0..shards).map(shard).collect();
        // Before anybody is fenced: a copy of the database, or a relay with wrong settings, disturbs nobody.
        in_parallel(&own, check_progress)?;
        let (first, progress) = ShardProducer::open(&own[0])?;
        let layout = recorded_layout(&first, &progress, shards)?;
        let others: Vec<Shard> = (1..layout.shards.max(shards)).map(shard).collect();
        if layout.shards != shards {
            fence_all(&others)?;
            return Err(shards_changed(first.shard(), layout, shards).into());
        }
        let mut sessions = vec![KafkaSession::new(first, progress.published)];
        sessions.extend(in_parallel(&others, open_session)?);
        Ok(sessions)
    }

    fn open_one(
        &self,
        publication: &Publication,
        number: u16,
    ) -> Result<KafkaSession, PublishError> {
        let relay = &publication.relay;
        let topic = self.check_progress_topic(relay, number.saturating_add(1))?;
        let Some(owner) = self.owner(relay) else {
            return open_session(&self.shard(publication, number, Uuid::new_v4(), &topic));
        };
        let shard = self.shard(publication, number, owner, &topic);
        // A process that has taken the relay over in the meantime keeps it.
        let progress = check_progress(&shard)?;
        if progress.owner().is_some_and(|current| current != owner) {
            return Err(PublishError::Fenced);
        }
        open_session(&shard)
    }

    /// The shards of the relay, for a new owner.
    fn new_shards(&self, publication: &Publication) -> Result<Vec<Shard>, KafkaError> {
        let relay = &publication.relay;
        let topic = self.check_progress_topic(relay, publication.shards)?;
        let owner = self.new_owner(relay);
        let shard = |number| self.shard(publication, number, owner, &topic);
        Ok((0..publication.shards).map(shard).collect())
    }

    fn restart_all(
        &self,
        publication: &Publication,
        published: &[Option<Checkpoint>],
    ) -> Result<(), PublishError> {
        let shards = self.new_shards(publication)?;
        let requested = publication.shards;
        let before = read_progress(&shards[0], ReadUntil::End)?.layout;
        let layout = before.unwrap_or(ShardLayout { shards: requested });
        if layout.shards != requested {
            return Err(shards_changed(&shards[0], layout, requested).into());
        }
        for (shard, at) in shards.iter().zip(published) {
            recovery::check(shard, *at)?;
        }
        shards
            .iter()
            .zip(published)
            .try_for_each(|(shard, at)| recovery::restart(shard, *at, layout))
    }

    fn new_owner(&self, relay: &str) -> Uuid {
        let owner = Uuid::new_v4();
        let mut owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.insert(relay.to_owned(), owner);
        owner
    }

    fn owner(&self, relay: &str) -> Option<Uuid> {
        let owners = self.owners.lock().unwrap_or_else(PoisonError::into_inner);
        owners.get(relay).copied()
    }
}

impl Publisher for KafkaPublisher {
    type Session = KafkaSession;

    /// Fences every process that has opened the relay, then opens its shards.
    ///
    /// # Errors
    /// [`PublishError::Unavailable`] when no broker responds. [`PublishError::Misconfigured`] when topics or rights are
    /// missing, or the progress topic was written with another number of shards or on another cluster.
    async fn open(&self, publication: &Publication) -> Result<Vec<KafkaSession>, PublishError> {
        let publisher = self.clone();
        let publication = publication.clone();
        let opened = run_blocking(move || publisher.open_all(&publication)).await?;
        opened.map_err(open_failed)
    }

    /// Opens one shard again, unless another process has taken the relay over.
    ///
    /// # Errors
    /// [`PublishError::Fenced`] after a take-over. Otherwise as for `open`.
    async fn reopen(
        &self,
        publication: &Publication,
        shard: u16,
    ) -> Result<KafkaSession, PublishError> {
        let publisher = self.clone();
        let publication = publication.clone();
        run_blocking(move || publisher.open_one(&publication, shard)).await?
    }

    /// Reads the ends of all topics with the prefix. The user needs READ on them.
    async fn published(
        &self,
        publication: &Publication,
        depth: u64,
    ) -> Result<Vec<PublishedShard>, PublishError> {
        let publisher = self.clone();
        let publication = publication.clone();
        run_blocking(move || recovery::published(&publisher.new_shards(&publication)?, depth))
            .await?
    }

    async fn restart(
        &self,
        publication: &Publication,
        published: &[Option<Checkpoint>],
    ) -> Result<(), PublishError> {
        let publisher = self.clone();
        let publication = publication.clone();
        let published = published.to_vec();
        run_blocking(move || publisher.restart_all(&publication, &published)).await?
    }
}

/// At the first opening there is no session to open again, so the relay retries the opening as a whole.
fn open_failed(error: PublishError) -> PublishError {
    match error {
        PublishError::Reopen(cause) => PublishError::Unavailable(cause),
        error => error,
    }
}

fn open_session(shard: &Shard) -> Result<KafkaSession, PublishError> {
    let (producer, progress) = ShardProducer::open(shard)?;
    Ok(KafkaSession::new(producer, progress.published))
}

/// The number of shards in the progress topic. The first start records it there before it uses any other shard.
fn recorded_layout(
    first: &ShardProducer,
    progress: &ShardProgress,
    shards: u16,
) -> Result<ShardLayout, PublishError> {
    if let Some(layout) = progress.layout {
        return Ok(layout);
    }
    let layout = ShardLayout { shards };
    first.record(&[ProgressRecord::Layout(layout)])?;
    Ok(layout)
}

fn shards_changed(shard: &Shard, layout: ShardLayout, requested: u16) -> KafkaError {
    KafkaError::ShardsChanged {
        relay: shard.relay.clone(),
        topic: shard.progress_topic(),
        recorded: layout.shards,
        requested,
    }
}

/// Reads the progress of a shard and checks that it can be continued.
fn check_progress(shard: &Shard) -> Result<ShardProgress, PublishError> {
    let progress = read_progress(shard, ReadUntil::End)?;
    topic_check::check(shard, &progress)?;
    Ok(progress)
}

fn fence_all(shards: &[Shard]) -> Result<(), PublishError> {
    in_parallel(shards, |shard| ShardProducer::fence(shard).map(drop)).map(drop)
}

fn in_parallel<T: Send>(
    shards: &[Shard],
    work: impl Fn(&Shard) -> Result<T, PublishError> + Sync,
) -> Result<Vec<T>, PublishError> {
    let work = &work;
    std::thread::scope(|scope| {
        let threads: Vec<_> = shards
            .iter()
            .map(|shard| scope.spawn(move || work(shard)))
            .collect();
        let panicked = |_| Err(PublishError::Reopen("opening a shard panicked".into()));
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(panicked))
            .collect()
    })
}
