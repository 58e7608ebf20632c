//! What an overview of the subscriptions consists of.

use std::{fmt, time::Duration};

use crate::model::{Checkpoint, Fingerprint, PartitionId, Position};

/// The events behind a partition are counted among so many events of the log after its place.
pub const COUNTED_LAG: u64 = 10_001;

/// The read side of a store at one moment. All ages are by the clock of the store.
#[derive(Debug, Default, Clone, PartialEq)]
#[non_exhaustive]
pub struct Overview {
    /// The subscriptions that were started, by name.
    pub subscriptions: Vec<SubscriptionInfo>,
    /// The relays that were started, by name.
    pub relays: Vec<RelayInfo>,
    /// The transactions that hold readers of the log back, the lowest position first. An append in flight is one of them.
    pub held: Vec<HeldMark>,
}

impl Overview {
    /// These subscriptions.
    #[must_use]
    pub const fn new(subscriptions: Vec<SubscriptionInfo>) -> Self {
        Self {
            subscriptions,
            relays: Vec::new(),
            held: Vec::new(),
        }
    }

    /// With these relays.
    #[must_use]
    pub fn relays(mut self, relays: Vec<RelayInfo>) -> Self {
        self.relays = relays;
        self
    }

    /// With these transactions that hold readers back.
    #[must_use]
    pub fn held(mut self, held: Vec<HeldMark>) -> Self {
        self.held = held;
        self
    }

    /// The subscription with this name.
    #[must_use]
    pub fn subscription(&self, name: &str) -> Option<&SubscriptionInfo> {
        self.subscriptions.iter().find(|found| found.name == name)
    }
}

/// A relay, and who runs it. How far it is, the broker knows.
///
/// ```
/// # use cqrs_core::ports::RelayInfo;
/// let relay = RelayInfo::new("orders", Some("process 17 on web-1".to_owned()), None);
/// assert_eq!(relay.to_string(), "orders, process 17 on web-1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelayInfo {
    /// Its name.
    pub name: String,
    /// The living process that runs it.
    pub owner: Option<String>,
    /// For how long it has had this owner, or none.
    pub owned_for: Option<Duration>,
}

impl RelayInfo {
    /// A relay, with its owner or without one for so long.
    #[must_use]
    pub fn new(name: impl Into<String>, owner: Option<String>, since: Option<Duration>) -> Self {
        Self {
            name: name.into(),
            owner,
            owned_for: since,
        }
    }
}

impl fmt::Display for RelayInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = self.owner.as_deref().unwrap_or("without an owner");
        write!(f, "{}, {owner}", self.name)
    }
}

/// A transaction that has appended and has not ended: readers do not pass its position.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeldMark {
    /// The position.
    pub position: Position,
    /// Its age; `None` if the store does not show that of another user.
    pub age: Option<Duration>,
    /// Whose it is.
    pub by: String,
}

impl HeldMark {
    /// Readers do not pass this position.
    #[must_use]
    pub fn new(position: Position, age: Option<Duration>, by: impl Into<String>) -> Self {
        Self {
            position,
            age,
            by: by.into(),
        }
    }
}

impl fmt::Display for HeldMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at position {}", self.by, self.position)
    }
}

/// A subscription: a view, a reactor or a projection, by its name.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SubscriptionInfo {
    /// Its name.
    pub name: String,
    /// Its partitions of the log, in the order of their slices, and of topics.
    pub partitions: Vec<PartitionInfo>,
    /// What is parked, in groups of one cause; the one with the oldest event first.
    pub parked: Vec<ParkedSummary>,
}

impl SubscriptionInfo {
    /// A subscription without partitions.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            partitions: Vec::new(),
            parked: Vec::new(),
        }
    }

    /// How many keys are parked.
    #[must_use]
    pub fn parked_keys(&self) -> u64 {
        self.parked.iter().map(|group| group.keys).sum()
    }
}

/// The name, and a line for each partition and for each group of parked keys.
impl fmt::Display for SubscriptionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for partition in &self.partitions {
            write!(f, "\n  {partition}")?;
        }
        for parked in &self.parked {
            write!(f, "\n  parked: {parked}")?;
        }
        Ok(())
    }
}

/// A partition of a subscription.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct PartitionInfo {
    /// The partition.
    pub partition: PartitionId,
    /// How far it was read; `None` before its first event. Some slices of a partition of the log may be ahead.
    pub at: Option<Checkpoint>,
    /// How long ago its checkpoint was moved or claimed.
    pub moved: Duration,
    /// Whether it is worked on.
    pub state: PartitionState,
    /// The living process that has it. Of a topic the consumer group knows that.
    pub owner: Option<String>,
    /// For how long it has had this owner, or none.
    pub owned_for: Option<Duration>,
    /// How far it is behind; `None` for a topic, whose end the store does not know.
    pub lag: Option<Lag>,
}

impl PartitionInfo {
    /// A partition that was read up to `at`.
    #[must_use]
    pub const fn new(partition: PartitionId, at: Option<Checkpoint>, moved: Duration) -> Self {
        Self {
            partition,
            at,
            moved,
            state: PartitionState::Ready,
            owner: None,
            owned_for: None,
            lag: None,
        }
    }

    /// The partition in this state.
    #[must_use]
    pub fn state(mut self, state: PartitionState) -> Self {
        self.state = state;
        self
    }

    /// The partition, with its owner or without one for so long.
    #[must_use]
    pub fn owned(mut self, owner: Option<String>, since: Option<Duration>) -> Self {
        self.owner = owner;
        self.owned_for = since;
        self
    }

    /// The partition, so far behind.
    #[must_use]
    pub const fn behind(mut self, lag: Option<Lag>) -> Self {
        self.lag = lag;
        self
    }
}

/// `log slices 0..512 at position 17, 3 events behind (2.0 s), process 17 on web-1`.
impl fmt::Display for PartitionInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at ", self.partition)?;
        match (self.at, &self.partition) {
            (Some(at), PartitionId::Log(_)) => write!(f, "position {}", at.offset)?,
            (Some(at), PartitionId::Topic { .. }) => write!(f, "offset {}", at.offset)?,
            (None, _) => f.write_str("the beginning")?,
        }
        if let Some(lag) = self.lag {
            write!(f, ", {lag}")?;
        }
        match &self.state {
            PartitionState::Ready => {}
            PartitionState::Paused => f.write_str(", paused")?,
            PartitionState::Stopped { reason } => write!(f, ", stopped: {reason}")?,
        }
        match (&self.owner, &self.partition) {
            (Some(owner), _) => write!(f, ", {owner}"),
            (None, PartitionId::Log(_)) => f.write_str(", without an owner"),
            (None, PartitionId::Topic { .. }) => Ok(()),
        }
    }
}

/// Whether a partition is worked on.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartitionState {
    /// By whoever has it.
    #[default]
    Ready,
    /// Its owner waits, because somebody has asked for it.
    Paused,
    /// A failure has ended its runner. Only a process that starts later tries it.
    Stopped {
        /// The failure.
        reason: String,
    },
}

/// How far a partition of the log is behind: the events that are committed, that its subscription reads, and that it has not passed.
/// Events that wait because they are parked are not among them.
///
/// ```
/// # use cqrs_core::ports::Lag;
/// # use std::time::Duration;
/// let lag = Lag::new(3, false, Some(Duration::from_secs(2)));
/// assert_eq!(lag.to_string(), "3 events behind (2.0 s)");
/// assert_eq!(Lag::NONE.to_string(), "caught up");
/// ```
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lag {
    /// How many events, among the next [`COUNTED_LAG`] events of the log.
    pub events: u64,
    /// Whether there are more events in the log than were looked at.
    pub at_least: bool,
    /// The age of the first of these events.
    pub age: Option<Duration>,
}

impl Lag {
    /// Nothing is left to handle.
    pub const NONE: Self = Self::new(0, false, None);

    /// So many events; `at_least`: the log goes on behind what was looked at.
    #[must_use]
    pub const fn new(events: u64, at_least: bool, age: Option<Duration>) -> Self {
        Self {
            events,
            at_least,
            age,
        }
    }
}

impl fmt::Display for Lag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            events, at_least, ..
        } = *self;
        match (events, at_least) {
            (0, false) => return f.write_str("caught up"),
            (1, false) => f.write_str("1 event behind")?,
            (_, false) => write!(f, "{events} events behind")?,
            (_, true) => write!(f, "{events} events or more behind")?,
        }
        match self.age {
            Some(age) => write!(f, " ({:.1} s)", age.as_secs_f64()),
            None => Ok(()),
        }
    }
}

/// The parked keys of a subscription whose events failed for one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParkedSummary {
    /// What they have in common.
    pub fingerprint: Fingerprint,
    /// How many keys.
    pub keys: u64,
    /// For how many of them a redrive or a discard is requested.
    pub requested: u64,
    /// The type of the oldest event in front.
    pub event_type: String,
    /// Why that event failed.
    pub reason: String,
    /// How long ago the first of them was parked.
    pub parked_for: Duration,
}

impl ParkedSummary {
    /// So many keys, whose oldest event in front has this type and failed for this reason.
    #[must_use]
    pub fn new(
        fingerprint: Fingerprint,
        keys: u64,
        requested: u64,
        event_type: impl Into<String>,
        reason: impl Into<String>,
        parked_for: Duration,
    ) -> Self {
        Self {
            fingerprint,
            keys,
            requested,
            event_type: event_type.into(),
            reason: reason.into(),
            parked_for,
        }
    }
}

/// `2 keys: Deposited: missing field ..`.
impl fmt::Display for ParkedSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.keys == 1 { "" } else { "s" };
        write!(
            f,
            "{} key{s}: {}: {}",
            self.keys, self.event_type, self.reason
        )
    }
}
