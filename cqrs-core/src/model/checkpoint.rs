//! How far a runner has read, and who may say so.

use std::{fmt, sync::Arc};

use crate::model::{
    event_id::EventId,
    number::{Position, Slices},
};

/// The unit of ownership and of order. Its text is the checkpoint's key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PartitionId {
    /// A range of slices of the own log.
    Log(Slices),
    /// A partition of a topic.
    Topic {
        /// The topic.
        topic: Arc<str>,
        /// The number of its partition.
        partition: i32,
    },
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

/// How far a partition has been read, and by which event that can be verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// Where to go on.
    pub offset: Offset,
    /// The last event before that place. In the log it must still be there when reading goes on.
    pub event_id: Option<EventId>,
}

impl Checkpoint {
    /// The checkpoint behind an event of the log.
    #[must_use]
    pub fn behind(position: Position, event_id: EventId) -> Self {
        Self {
            offset: Offset::new(position.get()),
            event_id: Some(event_id),
        }
    }
}

/// A partition taken over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// The fence of this claim: only writes that carry it are accepted, until the next claim.
    pub epoch: u64,
    /// Where to go on; `None` from the beginning.
    pub at: Option<Checkpoint>,
}
