//! How far a subscription has read a partition, and the claim that allows a runner to move on.

use std::{fmt, sync::Arc};

use crate::model::{
    event_id::EventId,
    number::{Position, Slices},
};

/// A partition of the input: one runner owns it, and its events come in order. Its text is the checkpoint's key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PartitionId {
    /// A range of slices of the store's own log.
    Log(Slices),
    /// A partition of a topic.
    Topic {
        /// The topic.
        topic: Arc<str>,
        /// The number of its partition.
        partition: i32,
    },
}

impl PartitionId {
    /// The key of the partition in an inbox: the number of a topic's partition, without the topic. A lane has its category,
    /// and the events of a log are repeats under whichever name their topic has.
    #[must_use]
    pub fn inbox_key(&self) -> String {
        match self {
            Self::Log(_) => self.to_string(),
            Self::Topic { partition, .. } => format!("partition {partition}"),
        }
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Log(slices) => write!(f, "log {slices}"),
            Self::Topic { topic, partition } => write!(f, "topic {topic}/{partition}"),
        }
    }
}

/// A place in a partition: for the log the position of the last event read, for a topic the offset of the next record.
/// The two are never mixed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(u64);

impl Offset {
    /// The offset with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number itself.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How far a partition has been read, and an event that verifies it. The default is the beginning.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Checkpoint {
    /// Where reading continues.
    pub offset: Offset,
    /// The last event read. Reading of a log continues only if this event is still at its position.
    pub event_id: Option<EventId>,
}

impl Checkpoint {
    /// The checkpoint at `offset`, whose last event is `event_id`.
    #[must_use]
    pub const fn new(offset: Offset, event_id: Option<EventId>) -> Self {
        Self { offset, event_id }
    }

    /// The checkpoint after an event of the log.
    #[must_use]
    pub fn after(position: Position, event_id: EventId) -> Self {
        Self {
            offset: Offset::new(position.get()),
            event_id: Some(event_id),
        }
    }
}

/// The right to handle a partition. A later claim ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// The fencing token of this claim: until the next claim, the store accepts only writes that carry it.
    pub epoch: u64,
    /// Where reading continues; `None` is the beginning.
    pub at: Option<Checkpoint>,
}

impl Claim {
    /// The claim with this fencing token; reading continues at `at`.
    #[must_use]
    pub const fn new(epoch: u64, at: Option<Checkpoint>) -> Self {
        Self { epoch, at }
    }
}
