//! A relay's books: how far each shard has published, who owns it, and how many shards there are.
//!
//! They are records of a compacted topic, one partition for each shard, written in the very transaction that they
//! tell about.

use std::time::{Duration, Instant};

use cqrs_core::{Checkpoint, EventId, Offset};
use rdkafka::{
    Message, Offset as KafkaOffset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError as Failure, RDKafkaErrorCode as Code},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    KafkaConfig, KafkaError,
    connection::{Logging, denied, refused},
};

/// How long reading may stand still.
const STANDSTILL: Duration = Duration::from_secs(30);

/// One record. Its key is the name of the variant, so that compaction keeps the last of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Entry {
    /// Somebody has taken the shard over. Also the sentinel up to which the books are read.
    Claim(Claim),
    /// Everything up to here is published.
    Position(Position),
    /// On partition 0: how many shards there are.
    Layout(Layout),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claim {
    /// One opening of the relay.
    pub(super) owner: Uuid,
    /// One opening of the shard.
    pub(super) claim: Uuid,
    pub(super) cluster_id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    offset: u64,
    event_id: Option<Uuid>,
    /// How many events the transaction has published.
    count: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Layout {
    /// How many shards publish now.
    pub(super) shards: u16,
    /// How many ever did: so many transactional ids must be fenced.
    pub(super) highest: u16,
}

impl Position {
    pub(super) fn new(upto: Checkpoint, count: usize) -> Self {
        Self {
            offset: upto.offset.get(),
            event_id: upto.event_id.map(EventId::as_uuid),
            count,
        }
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            offset: Offset::new(self.offset),
            event_id: self.event_id.map(EventId::from_uuid),
        }
    }
}

impl Entry {
    pub(super) fn key(&self) -> &'static str {
        match self {
            Self::Claim(_) => "claim",
            Self::Position(_) => "position",
            Self::Layout(_) => "layout",
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers and texts are always JSON")
    }
}

/// What the books of a shard say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Books {
    pub(super) published: Option<Checkpoint>,
    pub(super) layout: Option<Layout>,
    pub(super) claim: Option<Claim>,
    /// The claim before that.
    pub(super) before: Option<Claim>,
}

impl Books {
    fn enter(&mut self, entry: Entry) {
        match entry {
            Entry::Claim(claim) => self.before = self.claim.replace(claim),
            Entry::Position(position) => self.published = Some(position.checkpoint()),
            Entry::Layout(layout) => self.layout = Some(layout),
        }
    }
}

/// How far to read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// To this claim, which is known to be there.
    Claim(Uuid),
    /// To the last record that is committed now.
    End,
}

/// Reads the books of a shard. Blocks.
pub(super) fn read(
    config: &KafkaConfig,
    topic: &str,
    shard: u16,
    until: Until,
) -> Result<Books, KafkaError> {
    let consumer = reader(config, topic, shard)?;
    let mut books = Books::default();
    let mut heard = Instant::now();
    loop {
        match consumer.poll(Duration::from_millis(100)) {
            Some(Ok(record)) => {
                heard = Instant::now();
                let entry = parse(topic, shard, record.offset(), record.payload())?;
                let sentinel = matches!((&entry, until), (Entry::Claim(found), Until::Claim(own)) if found.claim == own);
                books.enter(entry);
                if sentinel {
                    return Ok(books);
                }
            }
            Some(Err(Failure::PartitionEOF(_))) if matches!(until, Until::End) => return Ok(books),
            Some(Err(error)) => passes(topic, &error)?,
            None => {}
        }
        if heard.elapsed() > STANDSTILL {
            return Err(KafkaError::Unreachable {
                brokers: config.brokers().to_owned(),
                waited: STANDSTILL,
                reason: format!("reading the progress topic {topic:?} stands still"),
            });
        }
    }
}

fn reader(
    config: &KafkaConfig,
    topic: &str,
    shard: u16,
) -> Result<BaseConsumer<Logging>, KafkaError> {
    let defaults = [("fetch.wait.max.ms", "50")];
    let hold = [
        // librdkafka wants a name; no group is joined and no offset committed.
        ("group.id", topic),
        ("enable.auto.commit", "false"),
        ("enable.partition.eof", "true"),
        ("isolation.level", "read_committed"),
        ("auto.offset.reset", "earliest"),
    ];
    let consumer: BaseConsumer<Logging> = config
        .client(&defaults, &hold)
        .create_with_context(Logging::default())
        .map_err(|error| refused(&error))?;
    let mut from = TopicPartitionList::new();
    let assigned = from
        .add_partition_offset(topic, i32::from(shard), KafkaOffset::Beginning)
        .and_then(|()| consumer.assign(&from));
    assigned.map_err(|error| KafkaError::Internal(error.to_string()))?;
    Ok(consumer)
}

fn parse(
    topic: &str,
    shard: u16,
    offset: i64,
    payload: Option<&[u8]>,
) -> Result<Entry, KafkaError> {
    let parsed = serde_json::from_slice(payload.unwrap_or_default());
    parsed.map_err(|error: serde_json::Error| KafkaError::NotBooks {
        topic: topic.to_owned(),
        partition: shard,
        offset,
        reason: error.to_string(),
    })
}

/// What librdkafka tries again by itself, and what it tries in vain.
fn passes(topic: &str, error: &Failure) -> Result<(), KafkaError> {
    match error.rdkafka_error_code() {
        Some(code @ Code::TopicAuthorizationFailed) => Err(denied(topic, code)),
        _ => {
            tracing::warn!(topic, %error, "reading a relay's books waits");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_small_json_and_come_back() {
        let upto = Checkpoint {
            offset: Offset::new(42),
            event_id: None,
        };
        let entry = Entry::Position(Position::new(upto, 3));
        assert_eq!(
            String::from_utf8_lossy(&entry.to_json()),
            r#"{"position":{"offset":42,"event_id":null,"count":3}}"#
        );
        assert_eq!(parse("t", 0, 0, Some(&entry.to_json())), Ok(entry));
        assert!(parse("t", 0, 7, None).is_err());
    }

    #[test]
    fn the_last_entry_of_each_kind_counts() {
        let at = |offset| {
            let upto = Checkpoint {
                offset: Offset::new(offset),
                event_id: Some(EventId::random()),
            };
            (upto, Entry::Position(Position::new(upto, 1)))
        };
        let claim = |cluster_id: &str| Claim {
            owner: Uuid::from_u128(1),
            claim: Uuid::from_u128(2),
            cluster_id: cluster_id.to_owned(),
        };
        let (first, last) = (at(1), at(2));
        let mut books = Books::default();
        for entry in [
            first.1,
            Entry::Claim(claim("a")),
            last.1,
            Entry::Claim(claim("b")),
        ] {
            books.enter(entry);
        }
        assert_eq!(books.published, Some(last.0));
        assert_eq!(books.before, Some(claim("a")));
    }
}
