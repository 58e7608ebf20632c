//! Takes a shard over: ends whoever had it, and reads its books.

use std::time::Duration;

use cqrs_core::{Lane, PublishError};
use rdkafka::producer::{Producer, ThreadedProducer};
use uuid::Uuid;

use super::{
    deliveries::Deliveries,
    producer::{Closing, ShardProducer},
    progress::{self, Books, Claim, Entry, Until},
};
use crate::{KafkaConfig, KafkaError, connection::refused};

/// A transaction that takes longer is given up by the broker. Until then its open end hides everything behind it from
/// consumers, so it is short.
const TRANSACTION_TIMEOUT_MS: u64 = 15_000;

/// Which shard, and on whose behalf.
#[derive(Debug, Clone)]
pub(super) struct ShardId {
    pub(super) config: KafkaConfig,
    pub(super) relay: String,
    pub(super) shard: u16,
    /// One opening of the relay.
    pub(super) owner: Uuid,
    pub(super) cluster_id: String,
}

impl ShardId {
    pub(super) fn lane(&self) -> String {
        self.config.shard(&self.relay, self.shard)
    }

    pub(super) fn progress_topic(&self) -> String {
        self.config.progress_topic(&self.relay)
    }

    pub(super) fn read(&self, until: Until) -> Result<Books, KafkaError> {
        progress::read(&self.config, &self.progress_topic(), self.shard, until)
    }

    /// Makes a producer whose start ends every earlier one of this shard, and finishes or aborts what that had open.
    pub(super) fn fence(&self) -> Result<ShardProducer, PublishError> {
        let lane = self.lane();
        let defaults = [
            ("compression.type", "lz4"),
            ("linger.ms", "0"),
            ("queue.buffering.max.messages", "100000"),
            ("topic.metadata.propagation.max.ms", "5000"),
            ("transaction.timeout.ms", "15000"),
        ];
        let hold = [
            ("acks", "all"),
            ("enable.idempotence", "true"),
            // Where Java's clients would put the same key.
            ("partitioner", "murmur2_random"),
            ("transactional.id", lane.as_str()),
        ];
        let config = self.config.client(&defaults, &hold);
        let timeout = config
            .get("transaction.timeout.ms")
            .and_then(|millis| millis.parse().ok());
        let producer: ThreadedProducer<Deliveries> = config
            .create_with_context(Deliveries::default())
            .map_err(|error| refused(&error))?;
        let shard = ShardProducer {
            lane: Lane::new(lane),
            timeout: Duration::from_millis(timeout.unwrap_or(TRANSACTION_TIMEOUT_MS)),
            limit: config
                .get("message.max.bytes")
                .unwrap_or("1000000")
                .to_owned(),
            producer: Closing(Some(producer)),
            id: self.clone(),
        };
        let started = shard.producer().init_transactions(shard.bound());
        started.map_err(|error| shard.unclear(&error))?;
        Ok(shard)
    }

    /// Takes the shard over and reads its books.
    pub(super) fn open(&self) -> Result<(ShardProducer, Books), PublishError> {
        let shard = self.fence()?;
        let claim = Claim {
            owner: self.owner,
            claim: Uuid::new_v4(),
            cluster_id: self.cluster_id.clone(),
        };
        let sentinel = Until::Claim(claim.claim);
        shard.note(&Entry::Claim(claim))?;
        let books = self.read(sentinel)?;
        Ok((shard, books))
    }
}
