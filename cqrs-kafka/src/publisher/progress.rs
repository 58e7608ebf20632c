//! The records of a progress topic: how far a shard has published, from which log and to which topics, who owns it, and how
//! many shards there are.

use std::{borrow::Cow, collections::BTreeMap};

use cqrs_core::{
    EventId,
    model::{Checkpoint, LogId, Offset},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::shard::Shard;

/// One record. Its key is the name of the variant, and of the topic, so compaction keeps the last one of each kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ProgressRecord {
    /// A producer took the shard over.
    Claim(Claim),
    /// Every event up to this position is published.
    Position(PublishedPosition),
    /// What the shard has published to a topic.
    Topic(TopicProgress),
    /// How many shards there are. On partition 0 only.
    Layout(ShardLayout),
}

/// The keys of the records.
const KEYS: [&str; 3] = ["claim", "position", "layout"];

/// What the key of a topic's record begins with.
const TOPIC_KEY: &str = "topic/";

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    /// The id of an opening of the relay.
    pub(super) owner: Uuid,
    /// The id of an opening of the shard.
    pub(super) claim: Uuid,
    pub(super) cluster_id: String,
    /// The id of the log, and where it is.
    pub(super) log: Uuid,
    pub(super) place: String,
}

/// What a shard has published to a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TopicProgress {
    pub(super) topic: String,
    /// How many partitions the topic had at its first use.
    pub(super) partitions: usize,
    /// The last record of the shard in each partition.
    pub(super) ends: BTreeMap<i32, PublishedEnd>,
}

/// Topics by name.
pub(super) type Topics = BTreeMap<String, TopicProgress>;

/// A record, and the event in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PublishedEnd {
    pub(super) offset: i64,
    pub(super) event_id: Uuid,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PublishedPosition {
    offset: u64,
    event_id: Option<Uuid>,
    /// How many events the transaction published. For people who read the topic.
    count: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShardLayout {
    pub(super) shards: u16,
}

impl PublishedPosition {
    pub(super) fn new(upto: Checkpoint, count: usize) -> Self {
        Self {
            offset: upto.offset.get(),
            event_id: upto.event_id.map(EventId::as_uuid),
            count,
        }
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::new(
            Offset::new(self.offset),
            self.event_id.map(EventId::from_uuid),
        )
    }
}

impl Claim {
    /// A new claim of the shard.
    pub(super) fn of(shard: &Shard) -> Self {
        Self {
            owner: shard.owner,
            claim: Uuid::new_v4(),
            cluster_id: shard.cluster_id.clone(),
            log: shard.log.id().as_uuid(),
            place: shard.log.place().to_owned(),
        }
    }

    pub(super) fn log(&self) -> LogId {
        LogId::from_uuid(self.log)
    }
}

impl TopicProgress {
    pub(super) fn new(topic: &str, partitions: usize) -> Self {
        Self {
            topic: topic.to_owned(),
            partitions,
            ends: BTreeMap::new(),
        }
    }
}

impl ProgressRecord {
    pub(super) fn key(&self) -> Cow<'static, str> {
        match self {
            Self::Claim(_) => "claim".into(),
            Self::Position(_) => "position".into(),
            Self::Topic(TopicProgress { topic, .. }) => format!("{TOPIC_KEY}{topic}").into(),
            Self::Layout(_) => "layout".into(),
        }
    }

    /// Whether a record with this key is a relay's.
    pub(super) fn is_key(key: &[u8]) -> bool {
        key.starts_with(TOPIC_KEY.as_bytes()) || KEYS.iter().any(|own| own.as_bytes() == key)
    }

    /// Checks what a relay would never write: another key, a position that no log has, and shards that have no partition in
    /// the progress topic.
    pub(super) fn check(&self, key: Option<&[u8]>, partitions: usize) -> Result<(), String> {
        let own = self.key();
        if key != Some(own.as_bytes()) {
            return Err(format!("the record is not a {own}"));
        }
        match self {
            Self::Position(position) if i64::try_from(position.offset).is_err() => Err(format!(
                "position {} is beyond the last that a log can have",
                position.offset
            )),
            // The log is compared at the event. Without one, a relay that stands beyond the end would publish nothing, and say nothing.
            Self::Position(position) if position.offset > 0 && position.event_id.is_none() => {
                Err(format!("position {} has no event id", position.offset))
            }
            Self::Topic(TopicProgress { partitions: 0, .. }) => {
                Err("a topic has at least one partition".to_owned())
            }
            Self::Claim(_) | Self::Position(_) | Self::Topic(_) => Ok(()),
            Self::Layout(ShardLayout { shards }) => {
                let is_possible = (1..=partitions).contains(&usize::from(*shards));
                is_possible.then_some(()).ok_or_else(|| {
                    format!(
                        "{shards} shards do not fit a progress topic of {partitions} partitions"
                    )
                })
            }
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers, strings and UUIDs always have a JSON form")
    }

    pub(super) fn from_json(json: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(json)
    }
}

/// The state of one shard, folded from its records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ShardProgress {
    pub(super) published: Option<Checkpoint>,
    pub(super) layout: Option<ShardLayout>,
    pub(super) claim: Option<Claim>,
    /// By name.
    pub(super) topics: Topics,
}

impl ShardProgress {
    pub(super) fn apply(&mut self, record: ProgressRecord) {
        match record {
            ProgressRecord::Claim(claim) => self.claim = Some(claim),
            ProgressRecord::Position(position) => self.published = Some(position.checkpoint()),
            ProgressRecord::Topic(topic) => {
                self.topics.insert(topic.topic.clone(), topic);
            }
            ProgressRecord::Layout(layout) => self.layout = Some(layout),
        }
    }

    /// The opening of the relay that claimed the shard last.
    pub(super) fn owner(&self) -> Option<Uuid> {
        self.claim.as_ref().map(|claim| claim.owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(cluster_id: &str) -> Claim {
        Claim {
            owner: Uuid::from_u128(1),
            claim: Uuid::from_u128(2),
            cluster_id: cluster_id.to_owned(),
            log: Uuid::from_u128(3),
            place: "here".to_owned(),
        }
    }

    #[test]
    fn a_record_is_small_json_and_is_read_back() {
        let upto = Checkpoint::new(Offset::new(42), None);
        let record = ProgressRecord::Position(PublishedPosition::new(upto, 3));
        let json = record.to_json();
        assert_eq!(
            String::from_utf8_lossy(&json),
            r#"{"position":{"offset":42,"event_id":null,"count":3}}"#
        );
        assert_eq!(
            ProgressRecord::from_json(&json).expect("reads its own form"),
            record
        );
        assert!(ProgressRecord::from_json(b"").is_err());
    }

    #[test]
    fn a_record_that_no_relay_writes_is_rejected() {
        let position = |offset| {
            let upto = Checkpoint::new(Offset::new(offset), Some(EventId::random()));
            ProgressRecord::Position(PublishedPosition::new(upto, 1))
        };
        let without_event = |offset| {
            let upto = Checkpoint::new(Offset::new(offset), None);
            ProgressRecord::Position(PublishedPosition::new(upto, 0))
        };
        let layout = |shards| ProgressRecord::Layout(ShardLayout { shards });
        let check = |record: ProgressRecord| record.check(Some(record.key().as_bytes()), 4);
        for record in [
            position(i64::MAX as u64),
            without_event(0),
            layout(1),
            layout(4),
            ProgressRecord::Claim(claim("a")),
            ProgressRecord::Topic(TopicProgress::new("shop.order", 3)),
        ] {
            assert!(ProgressRecord::is_key(record.key().as_bytes()));
            assert_eq!(check(record), Ok(()));
        }
        for record in [
            position(i64::MAX as u64 + 1),
            without_event(1),
            layout(0),
            layout(5),
            layout(u16::MAX),
            ProgressRecord::Topic(TopicProgress::new("shop.order", 0)),
        ] {
            assert!(check(record.clone()).is_err(), "{record:?}");
        }
        assert!(layout(1).check(Some(b"position"), 4).is_err());
        assert!(!ProgressRecord::is_key(b"shard-0") && !ProgressRecord::is_key(b""));
    }

    #[test]
    fn the_last_record_of_each_kind_counts() {
        let upto = |offset| Checkpoint::new(Offset::new(offset), Some(EventId::random()));
        let first = upto(1);
        let last = upto(2);
        let mut progress = ShardProgress::default();
        for record in [
            ProgressRecord::Position(PublishedPosition::new(first, 1)),
            ProgressRecord::Claim(claim("a")),
            ProgressRecord::Position(PublishedPosition::new(last, 1)),
            ProgressRecord::Claim(claim("b")),
        ] {
            progress.apply(record);
        }
        assert_eq!(progress.published, Some(last));
        assert_eq!(progress.claim, Some(claim("b")));
    }
}
