//! Checks that the topics still have what the progress topic says. Every call blocks.

use cqrs_core::model::{Lane, Slices};
use rdkafka::{
    Message,
    message::{BorrowedMessage, Headers},
};

use super::{
    progress::{Claim, ShardProgress, TopicProgress},
    shard::Shard,
};
use crate::{
    cluster::ClusterClient,
    error::KafkaError,
    partition_reader::PartitionReader,
    topic_settings::{self, TopicUse},
    wire::header,
};

/// Checks the progress of a shard, without any effect on the producer that owns it now.
///
/// **Invariant**: a relay continues only what it has published itself, on this cluster, from this log, and to these topics.
pub(super) fn check(shard: &Shard, progress: &ShardProgress) -> Result<(), KafkaError> {
    if let Some(claim) = &progress.claim {
        check_claim(shard, claim)?;
    }
    if progress.topics.is_empty() {
        return Ok(());
    }
    let cluster = ClusterClient::connect(&shard.config)?;
    let names = progress.topics.keys().map(String::as_str);
    topic_settings::check(&shard.config, &cluster, names, TopicUse::Events)?;
    let reader = PartitionReader::new(&shard.config, &shard.progress_topic())?;
    progress
        .topics
        .values()
        .try_for_each(|topic| check_topic(shard, &cluster, &reader, topic))
}

fn check_claim(shard: &Shard, claim: &Claim) -> Result<(), KafkaError> {
    let topic = shard.progress_topic();
    if claim.cluster_id != shard.cluster_id {
        return Err(KafkaError::OtherCluster {
            topic,
            recorded: claim.cluster_id.clone(),
            found: shard.cluster_id.clone(),
        });
    }
    if !shard.log.has(claim.log()) {
        return Err(KafkaError::OtherLog {
            relay: shard.relay.clone(),
            topic,
            recorded: claim.log().to_string(),
            found: shard.log.id().to_string(),
        });
    }
    if claim.place != shard.log.place() {
        return Err(KafkaError::CopiedLog {
            relay: shard.relay.clone(),
            topic,
            recorded: claim.place.clone(),
            found: shard.log.place().to_owned(),
        });
    }
    Ok(())
}

fn check_topic(
    shard: &Shard,
    cluster: &ClusterClient,
    reader: &PartitionReader,
    recorded: &TopicProgress,
) -> Result<(), KafkaError> {
    let topic = recorded.topic.as_str();
    let partitions = match cluster.partitions_in_time(topic) {
        Err(KafkaError::TopicMissing { .. }) => 0,
        found => found?,
    };
    for (partition, end) in &recorded.ends {
        let lost = |found: String| KafkaError::TopicLost {
            relay: shard.relay.clone(),
            topic: topic.to_owned(),
            partition: *partition,
            offset: end.offset,
            event: end.event_id.to_string(),
            found,
        };
        if usize::try_from(*partition).is_ok_and(|number| number >= partitions) {
            return Err(lost("no such partition".to_owned()));
        }
        let (low, high) = reader.range(topic, *partition)?;
        if high <= end.offset {
            return Err(lost(format!("nothing: it ends at offset {high}")));
        }
        // Retention or a person has removed the record, and not those after it.
        if low > end.offset {
            continue;
        }
        let mut found = None;
        reader.read(topic, *partition, end.offset, |record| {
            if record.offset() == end.offset {
                found = Some(text(record, header::ID).unwrap_or_default().to_owned());
            }
        })?;
        if found.as_deref() != Some(end.event_id.to_string().as_str()) {
            return Err(lost(
                found.map_or_else(|| "no event".to_owned(), |id| format!("event {id}")),
            ));
        }
    }
    if partitions != recorded.partitions {
        return Err(KafkaError::PartitionsChanged {
            relay: shard.relay.clone(),
            topic: topic.to_owned(),
            recorded: recorded.partitions,
            found: partitions,
        });
    }
    Ok(())
}

/// A topic to which the shard has not published anything, according to its progress.
pub(super) fn first_use(shard: &Shard, topic: &str) -> Result<TopicProgress, KafkaError> {
    let cluster = ClusterClient::connect(&shard.config)?;
    let reader = PartitionReader::new(&shard.config, &shard.progress_topic())?;
    let partitions = cluster.partitions_in_time(topic)?;
    topic_settings::check(&shard.config, &cluster, [topic], TopicUse::Events)?;
    for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
        let last = reader.last(topic, partition, |record| own_position(shard, record))?;
        if let Some(position) = last.flatten() {
            return Err(KafkaError::ProgressLost {
                relay: shard.relay.clone(),
                progress: shard.progress_topic(),
                topic: topic.to_owned(),
                position,
            });
        }
    }
    Ok(TopicProgress::new(topic, partitions))
}

/// The position of a record, if it is of the part of the log that this shard publishes.
fn own_position(shard: &Shard, record: &BorrowedMessage<'_>) -> Option<String> {
    let lane = Lane::new(text(record, header::LANE)?);
    let is_own = shard.log.has(lane.log()?) && overlap(lane.slices()?, shard.slices);
    is_own.then(|| {
        text(record, header::POSITION)
            .unwrap_or("unknown")
            .to_owned()
    })
}

const fn overlap(one: Slices, other: Slices) -> bool {
    one.from() < other.to() && other.from() < one.to()
}

/// The value of a header, if it is text.
pub(super) fn text<'a>(record: &'a BorrowedMessage<'_>, name: &str) -> Option<&'a str> {
    let headers = record.headers()?;
    let index = (0..headers.count()).find(|index| {
        let header = headers.try_get(*index);
        header.is_some_and(|header| header.key == name)
    })?;
    std::str::from_utf8(headers.get(index).value?).ok()
}
