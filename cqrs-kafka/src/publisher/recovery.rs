//! Finds what the topics have of a log, and begins the progress of a relay anew. Every call blocks.

use std::collections::BTreeMap;

use cqrs_core::{
    EventId, Position, StreamId,
    model::{Category, Checkpoint, Lane, LogId, Slices},
    ports::{PublishError, PublishedEvent, PublishedShard},
};
use rdkafka::{Message, message::BorrowedMessage};
use uuid::Uuid;

use super::{
    producer::ShardProducer,
    progress::{
        Claim, ProgressRecord, PublishedEnd, PublishedPosition, ShardLayout, TopicProgress, Topics,
    },
    progress_reader::{ReadUntil, read_progress},
    shard::Shard,
    topic_check::text,
};
use crate::{
    cluster::ClusterClient, error::KafkaError, partition_reader::PartitionReader, wire::header,
};

/// The records that a restart reads from each partition, to find the last one of the shard.
const RESTART_DEPTH: u64 = 1_000;

/// A relay's record, without its payload.
struct Found {
    offset: i64,
    event: PublishedEvent,
    lane: Slices,
    slice: u16,
}

/// What the topics have of the events of each shard. No producer of the relay can write any more.
pub(super) fn published(shards: &[Shard], depth: u64) -> Result<Vec<PublishedShard>, PublishError> {
    for shard in shards {
        ShardProducer::fence(shard)?;
    }
    let partitions = read_topics(&shards[0], depth)?;
    Ok(shards
        .iter()
        .map(|shard| published_of(shard, &partitions))
        .collect::<Result<_, KafkaError>>()?)
}

/// Checks that subscriptions will know what they had when everything is published again: they know it by the slices of the shard
/// and by partition.
pub(super) fn check(shard: &Shard, published: Option<Checkpoint>) -> Result<(), KafkaError> {
    if published.is_some() {
        return Ok(());
    }
    let before = read_progress(shard, ReadUntil::End)?;
    let cluster = ClusterClient::connect(&shard.config)?;
    for recorded in before.topics.values() {
        let found = cluster.partitions_in_time(&recorded.topic)?;
        if found != recorded.partitions {
            return Err(KafkaError::OtherPartitions {
                relay: shard.relay.clone(),
                topic: recorded.topic.clone(),
                recorded: recorded.partitions,
                found,
            });
        }
    }
    let partitions = read_topics(shard, RESTART_DEPTH)?;
    let own = partitions.iter().flat_map(|partition| &partition.records);
    let mut own = own.filter(|found| shard.slices.contains(found.slice));
    match own.find(|found| found.lane != shard.slices) {
        Some(other) => Err(other_shards(shard, other.lane)),
        None => Ok(()),
    }
}

/// Begins the progress of a shard anew, at this checkpoint and with the topics as they are now.
pub(super) fn restart(
    shard: &Shard,
    published: Option<Checkpoint>,
    layout: ShardLayout,
) -> Result<(), PublishError> {
    let producer = ShardProducer::fence(shard)?;
    let before = read_progress(shard, ReadUntil::End)?;
    let topics = topics_now(shard, &before.topics)?;
    let claim = ProgressRecord::Claim(Claim::of(shard));
    let at = published.unwrap_or_default();
    let position = ProgressRecord::Position(PublishedPosition::new(at, 0));
    let layout = (shard.number == 0).then_some(ProgressRecord::Layout(layout));
    let topics = topics.into_values().map(ProgressRecord::Topic);
    let records: Vec<_> = topics.chain([claim, position]).chain(layout).collect();
    producer.record(&records)
}

/// The last records of a partition that are of this log, in order.
struct Partition {
    topic: String,
    number: i32,
    /// How many partitions the topic has.
    of: usize,
    records: Vec<Found>,
    /// Whether these are all of them.
    whole: bool,
}

fn read_topics(shard: &Shard, depth: u64) -> Result<Vec<Partition>, KafkaError> {
    let cluster = ClusterClient::connect(&shard.config)?;
    let reader = PartitionReader::new(&shard.config, &shard.progress_topic())?;
    let depth = i64::try_from(depth).unwrap_or(i64::MAX);
    let mut read = Vec::new();
    for topic in cluster.event_topics()? {
        let of = cluster.partitions(&topic)?;
        for number in 0..i32::try_from(of).unwrap_or(i32::MAX) {
            let (low, high) = reader.range(&topic, number)?;
            let from = high.saturating_sub(depth).max(low);
            let mut records = Vec::new();
            reader.read(&topic, number, from, |record| {
                records.extend(found(shard, record));
            })?;
            let (topic, whole) = (topic.clone(), from == low);
            read.push(Partition {
                topic,
                number,
                of,
                records,
                whole,
            });
        }
    }
    Ok(read)
}

/// A record of this log.
fn found(shard: &Shard, record: &BorrowedMessage<'_>) -> Option<Found> {
    let lane = Lane::new(text(record, header::LANE)?);
    let log: LogId = lane.log().filter(|log| shard.log.has(*log))?;
    let category = Category::new(lane.as_str().rsplit('/').next()?).ok()?;
    let stream = StreamId::new(category, text(record, header::SUBJECT)?).ok()?;
    let position = text(record, header::POSITION)?.parse().ok()?;
    let id = Uuid::parse_str(text(record, header::ID)?).ok()?;
    Some(Found {
        offset: record.offset(),
        event: PublishedEvent::new(log, Position::new(position), EventId::from_uuid(id)),
        lane: lane.slices()?,
        slice: stream.slice(),
    })
}

fn published_of(shard: &Shard, partitions: &[Partition]) -> Result<PublishedShard, KafkaError> {
    let mut events = Vec::new();
    let mut complete_after = None;
    for partition in partitions {
        let own = partition.records.iter();
        let own: Vec<&Found> = own
            .filter(|found| shard.slices.contains(found.slice))
            .collect();
        if let Some(other) = own.iter().find(|found| found.lane != shard.slices) {
            return Err(other_shards(shard, other.lane));
        }
        events.extend(own.iter().map(|found| found.event));
        if partition.whole {
            continue;
        }
        // Within a lane positions rise, so what was not read is before the first that was. Without any, it can be anywhere.
        let unread = own
            .first()
            .map_or(Position::new(u64::MAX), |found| found.event.position);
        complete_after = complete_after.max(Some(unread));
    }
    Ok(PublishedShard::new(events, complete_after))
}

fn other_shards(shard: &Shard, lane: Slices) -> KafkaError {
    let count = |slices: Slices| Slices::COUNT.div_ceil((slices.to() - slices.from()).max(1));
    KafkaError::ShardsChanged {
        relay: shard.relay.clone(),
        topic: shard.progress_topic(),
        recorded: count(lane),
        requested: count(shard.slices),
    }
}

/// The topics to which the shard has published, with their partitions and the last records of the shard.
fn topics_now(shard: &Shard, before: &Topics) -> Result<Topics, KafkaError> {
    let cluster = ClusterClient::connect(&shard.config)?;
    let mut topics = BTreeMap::new();
    for topic in before.keys() {
        let partitions = cluster.partitions(topic)?;
        topics.insert(topic.clone(), TopicProgress::new(topic, partitions));
    }
    for partition in read_topics(shard, RESTART_DEPTH)? {
        let mut own = partition.records.iter().rev();
        let Some(last) = own.find(|found| shard.slices.contains(found.slice)) else {
            continue;
        };
        let topic = topics
            .entry(partition.topic.clone())
            .or_insert_with(|| TopicProgress::new(&partition.topic, partition.of));
        let end = PublishedEnd {
            offset: last.offset,
            event_id: last.event.id.as_uuid(),
        };
        topic.ends.insert(partition.number, end);
    }
    Ok(topics)
}
