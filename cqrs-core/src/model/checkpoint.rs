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

/// A range of slices of a partition of the log that was read further than the partition: before its number of partitions changed,
/// another partition had these slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ahead {
    /// The slices.
    pub slices: Slices,
    /// How far they were read. Their events up to here are passed over.
    pub at: Checkpoint,
}

impl Ahead {
    /// These slices were read up to `at`.
    #[must_use]
    pub const fn new(slices: Slices, at: Checkpoint) -> Self {
        Self { slices, at }
    }
}

/// What an operator has requested of the runners of a subscription.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Requested {
    /// To handle events.
    #[default]
    Run,
    /// To wait, and to claim again.
    Pause,
}

/// How far a partition was read, and what is requested of its runner: what an idle runner asks for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// Where reading continues; `None` is the beginning.
    pub at: Option<Checkpoint>,
    /// What an operator has requested.
    pub requested: Requested,
}

impl Standing {
    /// A partition that was read up to `at`.
    #[must_use]
    pub const fn new(at: Option<Checkpoint>, requested: Requested) -> Self {
        Self { at, requested }
    }
}

/// The right to handle a partition. A later claim ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claim {
    /// The fencing token of this claim: until the next claim, the store accepts only writes that carry it.
    pub epoch: u64,
    /// Where reading continues; `None` is the beginning.
    pub at: Option<Checkpoint>,
    /// The slices that were read further than `at`, in their order.
    pub ahead: Vec<Ahead>,
    /// What an operator has requested.
    pub requested: Requested,
}

impl Claim {
    /// The claim with this fencing token; reading continues at `at`.
    #[must_use]
    pub const fn new(epoch: u64, at: Option<Checkpoint>) -> Self {
        Self {
            epoch,
            at,
            ahead: Vec::new(),
            requested: Requested::Run,
        }
    }

    /// The claim, with these slices ahead of it.
    #[must_use]
    pub fn ahead(mut self, ahead: Vec<Ahead>) -> Self {
        self.ahead = ahead;
        self
    }

    /// The claim, with what an operator has requested.
    #[must_use]
    pub fn requested(mut self, requested: Requested) -> Self {
        self.requested = requested;
        self
    }

    /// How far a slice of the partition was read; `None` before its first event.
    ///
    /// ```
    /// use cqrs_core::model::{Ahead, Checkpoint, Claim, Offset, Slices};
    ///
    /// let at = |offset| Checkpoint::new(Offset::new(offset), None);
    /// let further = Ahead::new(Slices::new(0, 512).expect("a range"), at(100));
    /// let claim = Claim::new(1, Some(at(90))).ahead(vec![further]);
    /// assert_eq!(claim.place_of(511), Some(at(100)));
    /// assert_eq!(claim.place_of(512), Some(at(90)));
    /// ```
    #[must_use]
    pub fn place_of(&self, slice: u16) -> Option<Checkpoint> {
        let further = self.ahead.iter().find(|part| part.slices.contains(slice));
        further.map_or(self.at, |part| Some(part.at))
    }

    /// Moves on to `to`. What was ahead of the partition and is not any more is forgotten.
    pub fn advance(&mut self, to: Checkpoint) {
        self.at = Some(to);
        self.ahead.retain(|part| part.at.offset > to.offset);
    }
}
