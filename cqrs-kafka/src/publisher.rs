//! Publishes what a relay reads, exactly once: a transactional producer for each shard, its place in the same transaction.
//!
//! Start of a shard: `init_transactions` ends every earlier producer of this shard and what it had open; then a claim is
//! committed to the progress topic, which is read up to that claim. What is found there is final, since nobody else can
//! write any more. (The design is that of Kafka Connect's KIP-618 and of Materialize's sink.)
//!
//! librdkafka lacks KIP-890, so a late answer to an old commit could end a newer transaction. Hence after any commit or
//! abort whose outcome is not known the producer is dropped and the shard opened again.

mod batch;
mod deliveries;
mod failure;
mod producer;
mod progress;
mod session;
mod shard;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use cqrs_core::{PublishError, Publisher};
use uuid::Uuid;

pub use self::session::KafkaSession;
use self::{
    producer::ShardProducer,
    progress::{Books, Entry, Layout, Until},
    shard::ShardId,
};
use crate::{
    KafkaConfig,
    connection::{Probe, blocking},
};

/// Publishes to Kafka, for a [`Relay`](cqrs_core::Relay).
///
/// The topic of a category and the relay's progress topic must exist: [`KafkaTopics`](crate::KafkaTopics) creates them.
#[derive(Debug, Clone)]
pub struct KafkaPublisher {
    config: KafkaConfig,
    /// On whose behalf the shards of a relay were opened last, to tell a take-over from a doubt.
    owners: Arc<Mutex<HashMap<String, Uuid>>>,
}

impl KafkaPublisher {
    /// To this cluster, with this prefix.
    #[must_use]
    pub fn new(config: KafkaConfig) -> Self {
        Self {
            config,
            owners: Arc::default(),
        }
    }

    /// Says hello, and makes sure that the books have a page for every shard.
    fn connect(&self, relay: &str, shards: u16) -> Result<String, PublishError> {
        let probe = Probe::connect(&self.config)?;
        let topic = self.config.progress_topic(relay);
        let partitions = probe.partitions(&topic)?;
        if partitions < usize::from(shards) {
            return Err(PublishError::Misconfigured(format!(
                "the progress topic {topic:?} has {partitions} partitions, fewer than the {shards} shards of relay \
                 {relay:?}; give it {shards}, or run the relay with fewer shards"
            )));
        }
        let cluster_id = probe.cluster_id();
        cluster_id.ok_or_else(|| PublishError::Unavailable {
            reason: format!(
                "the brokers {:?} do not tell their cluster's id",
                self.config.brokers()
            ),
        })
    }

    fn shard(&self, relay: &str, shard: u16, owner: Uuid, cluster_id: &str) -> ShardId {
        ShardId {
            config: self.config.clone(),
            relay: relay.to_owned(),
            shard,
            owner,
            cluster_id: cluster_id.to_owned(),
        }
    }

    fn open_all(&self, relay: &str, shards: u16) -> Result<Vec<KafkaSession>, PublishError> {
        let cluster_id = self.connect(relay, shards)?;
        let owner = self.new_owner(relay);
        let shard = |number| self.shard(relay, number, owner, &cluster_id);
        let (first, books) = shard(0).open()?;
        same_cluster(first.id(), &books)?;
        let layout = settle_layout(&first, &books, shards)?;
        let others: Vec<ShardId> = (1..layout.highest.max(shards)).map(shard).collect();
        if layout.shards != shards {
            in_parallel(&others, |id| id.fence().map(drop))?;
            return Err(other_layout(first.id(), layout, shards));
        }
        let (used, unused) = others.split_at(usize::from(shards) - 1);
        in_parallel(unused, |id| id.fence().map(drop))?;
        let mut sessions = vec![KafkaSession::new(first, books.published)];
        sessions.extend(in_parallel(used, |id| {
            let (producer, books) = id.open()?;
            same_cluster(id, &books)?;
            Ok(KafkaSession::new(producer, books.published))
        })?);
        Ok(sessions)
    }

    fn open_one(&self, relay: &str, number: u16) -> Result<KafkaSession, PublishError> {
        let cluster_id = self.connect(relay, number.saturating_add(1))?;
        let owner = self.owner(relay);
        let shard = self.shard(
            relay,
            number,
            owner.unwrap_or_else(Uuid::new_v4),
            &cluster_id,
        );
        if owner.is_some() {
            // Whoever took the relay over in the meantime keeps it.
            let books = shard.read(Until::End)?;
            if books.claim.is_some_and(|claim| Some(claim.owner) != owner) {
                let relay = relay.to_owned();
                return Err(PublishError::Fenced { relay });
            }
        }
        let (producer, books) = shard.open()?;
        same_cluster(&shard, &books)?;
        Ok(KafkaSession::new(producer, books.published))
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

#[async_trait]
impl Publisher for KafkaPublisher {
    type Session = KafkaSession;

    /// # Errors
    /// [`PublishError::Unavailable`] when no broker answers; [`PublishError::Misconfigured`] when topics or rights are
    /// missing, or the books are those of another number of shards or another cluster.
    async fn open(&self, relay: &str, shards: u16) -> Result<Vec<KafkaSession>, PublishError> {
        let (publisher, relay) = (self.clone(), relay.to_owned());
        let opened = blocking(move || publisher.open_all(&relay, shards.max(1))).await?;
        opened.map_err(at_start)
    }

    /// # Errors
    /// [`PublishError::Fenced`] when another instance has opened the relay since; otherwise as for `open`.
    async fn reopen(&self, relay: &str, shard: u16) -> Result<KafkaSession, PublishError> {
        let (publisher, relay) = (self.clone(), relay.to_owned());
        blocking(move || publisher.open_one(&relay, shard)).await?
    }
}

/// At the start there is nothing to open *again*: what failed is to be told.
fn at_start(error: PublishError) -> PublishError {
    match error {
        PublishError::Reopen(cause) => PublishError::Unavailable {
            reason: cause.to_string(),
        },
        error => error,
    }
}

/// The number of shards as it is in the books; entered there at the first start, before any other shard is used.
fn settle_layout(
    first: &ShardProducer,
    books: &Books,
    shards: u16,
) -> Result<Layout, PublishError> {
    if let Some(layout) = books.layout {
        return Ok(layout);
    }
    let layout = Layout {
        shards,
        highest: shards,
    };
    first.note(&Entry::Layout(layout))?;
    Ok(layout)
}

fn other_layout(id: &ShardId, layout: Layout, shards: u16) -> PublishError {
    PublishError::Misconfigured(format!(
        "relay {:?} was started with {shards} shards, but has published with {} so far (topic {:?}); another number would \
         publish events again or out of order. Start it with {} shards, or under a new name, which publishes everything \
         from the beginning, into topics with a new prefix",
        id.relay,
        layout.shards,
        id.progress_topic(),
        layout.shards,
    ))
}

fn same_cluster(id: &ShardId, books: &Books) -> Result<(), PublishError> {
    match &books.before {
        Some(claim) if claim.cluster_id != id.cluster_id => {
            Err(PublishError::Misconfigured(format!(
                "the progress topic {:?} was written on cluster {:?}, this is cluster {:?}: a copy does not tell how far the \
             events in it were published. Correct the brokers, or start the relay under a new name with a new prefix",
                id.progress_topic(),
                claim.cluster_id,
                id.cluster_id,
            )))
        }
        _ => Ok(()),
    }
}

fn in_parallel<T: Send>(
    shards: &[ShardId],
    work: impl Fn(&ShardId) -> Result<T, PublishError> + Sync,
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
