//! The port of partitions: the processes of a subscription over the log share its partitions by leases.

use std::fmt;

use crate::{
    model::{Checkpoint, Member, MemberId, PartitionId},
    ports::{
        checkpoints::Checkpoints,
        error::{StoreError, StoreErrorKind},
        leases::Leases,
    },
};

/// A partition that a member has.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leased {
    /// The partition.
    pub partition: PartitionId,
    /// Another member lacks a partition: finish the batch in hand, then [release](Partitions::release) this one.
    pub give_back: bool,
}

impl Leased {
    /// A partition of the member.
    #[must_use]
    pub const fn new(partition: PartitionId, give_back: bool) -> Self {
        Self {
            partition,
            give_back,
        }
    }
}

/// What a member learns from a [heartbeat](Partitions::heartbeat).
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heartbeat {
    /// Its partitions.
    pub leased: Vec<Leased>,
    /// How many members of the subscription are alive, with this one.
    pub members: usize,
}

impl Heartbeat {
    /// These partitions; so many members are alive.
    #[must_use]
    pub const fn new(leased: Vec<Leased>, members: usize) -> Self {
        Self { leased, members }
    }
}

/// How far a slice was read; `None` before its first event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SliceProgress {
    /// The slice.
    pub slice: u16,
    /// How far it was read.
    pub at: Option<Checkpoint>,
}

impl SliceProgress {
    /// The slice was read up to `at`.
    #[must_use]
    pub const fn new(slice: u16, at: Option<Checkpoint>) -> Self {
        Self { slice, at }
    }
}

/// A partition of a subscription over the log, and who works on it.
///
/// ```
/// # use cqrs_core::{model::{PartitionId, Slices}, ports::PartitionStatus};
/// let status = PartitionStatus::new(PartitionId::Log(Slices::ALL), None).owned_by("process 17 on web-1");
/// assert_eq!(status.to_string(), "log slices 0..1024 at the beginning, process 17 on web-1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PartitionStatus {
    /// The partition.
    pub partition: PartitionId,
    /// How far it was read. Some of its slices may be ahead.
    pub at: Option<Checkpoint>,
    /// The living process that has it.
    pub owner: Option<String>,
    /// The failure that ended its last runner. Only a process that starts later tries the partition.
    pub stopped: Option<String>,
}

impl PartitionStatus {
    /// A partition that nobody has.
    #[must_use]
    pub const fn new(partition: PartitionId, at: Option<Checkpoint>) -> Self {
        Self {
            partition,
            at,
            owner: None,
            stopped: None,
        }
    }

    /// The partition, with its owner.
    #[must_use]
    pub fn owned_by(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// The partition, stopped for this reason.
    #[must_use]
    pub fn stopped(mut self, reason: impl Into<String>) -> Self {
        self.stopped = Some(reason.into());
        self
    }
}

impl fmt::Display for PartitionStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at ", self.partition)?;
        match self.at {
            Some(at) => write!(f, "position {}", at.offset)?,
            None => f.write_str("the beginning")?,
        }
        match (&self.stopped, &self.owner) {
            (Some(reason), _) => write!(f, ", stopped: {reason}"),
            (None, Some(owner)) => write!(f, ", {owner}"),
            (None, None) => f.write_str(", without an owner"),
        }
    }
}

/// A number of partitions that was not set. Everything is as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RepartitionError {
    /// Nobody has run the subscription over the log yet.
    #[error("there is no subscription {0:?} over the log: check its name, or start it first")]
    Unknown(String),
    /// The number is not that of partitions.
    #[error("{0} is no number of partitions: choose 1 to 1,024")]
    Number(u16),
    /// Its partitions read different events.
    #[error(
        "the partitions of {0:?} have not all recorded the same selection: wait until every one of them was started by the same \
         version of its role"
    )]
    Selections(String),
    /// A key that is no stream is parked, and the partitions are by stream: its events lie in many slices, and one owner has to redrive
    /// them.
    #[error(
        "{0:?} has parked a key that is no stream: its events must stay in one partition; redrive or discard it, then set the number"
    )]
    Parked(String),
    /// Its partitions do not have every slice once.
    #[error(
        "the partitions of {0:?} do not have every slice once: its rows in the table checkpoints were changed by hand; restore them"
    )]
    Slices(String),
    /// The store failed. [`Unavailable`](StoreErrorKind::Unavailable): a batch or a claim was in the way for too long; try again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The error of a call for a subscription that the store does not know.
#[must_use]
pub fn unknown_subscription(subscription: &str) -> StoreError {
    let message = format!(
        "there is no subscription {subscription:?} over the log; its rows in the table subscriptions were removed: start its runners \
         again"
    );
    StoreError::new(StoreErrorKind::Misconfigured, message)
}

/// The partitions of subscriptions over the log, and the members that share them.
///
/// **Invariants**: each of the 1,024 slices belongs to one partition, at every moment; a change of their number moves no slice's place.
/// A lease spares work and decides nothing: a member that has lost one is fenced by the next [claim](Checkpoints::claim).
pub trait Partitions: Checkpoints + Leases {
    /// Makes a subscription known, with so many partitions. One that is known stays as it is.
    ///
    /// # Errors
    /// [`Misconfigured`](StoreErrorKind::Misconfigured) when its partitions do not have every slice once: somebody has changed them by
    /// hand.
    fn subscribe(
        &self,
        subscription: &str,
        partitions: u16,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Says that a member is alive, takes what is free up to its share, and returns what it has. It takes none of those that it
    /// avoids. Waits for nobody.
    ///
    /// # Errors
    /// [`Misconfigured`](StoreErrorKind::Misconfigured) when the subscription is not known.
    fn heartbeat(
        &self,
        subscription: &str,
        member: &Member,
        avoid: &[PartitionId],
    ) -> impl Future<Output = Result<Heartbeat, StoreError>> + Send;

    /// Gives a partition back, if the member has it. With the failure that ended its runner it is stopped: only a member that joins
    /// later tries it.
    fn release(
        &self,
        subscription: &str,
        partition: &PartitionId,
        member: MemberId,
        stopped: Option<&str>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Ends a member: all of its partitions are free at once.
    fn leave(
        &self,
        subscription: &str,
        member: MemberId,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// How far each slice was read, in their order. Empty for a subscription that is not known.
    fn progress_by_slice(
        &self,
        subscription: &str,
    ) -> impl Future<Output = Result<Vec<SliceProgress>, StoreError>> + Send;

    /// The partitions of a subscription, in the order of their slices, and who works on each. Empty for one that is not known.
    fn partitions(
        &self,
        subscription: &str,
    ) -> impl Future<Output = Result<Vec<PartitionStatus>, StoreError>> + Send;
}
