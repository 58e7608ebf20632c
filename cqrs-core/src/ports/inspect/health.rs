//! What of the read side somebody should look at, as sentences.

use std::{fmt, time::Duration};

use super::overview::{
    HeldMark, Lag, Overview, ParkedSummary, PartitionInfo, PartitionState, SubscriptionInfo,
};
use crate::model::PartitionId;

/// From when on something is a [finding](Finding).
///
/// ```
/// # use cqrs_core::ports::HealthLimits;
/// # use std::time::Duration;
/// let limits = HealthLimits::default().lag(Duration::from_secs(300)); // a read model for reports
/// # assert_eq!(limits.without_owner, Duration::from_secs(30));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct HealthLimits {
    /// For how long nobody may have a partition; 30 s by default.
    pub without_owner: Duration,
    /// For how long a partition with events behind it may not move; 30 s by default.
    pub standing_still: Duration,
    /// How old the first event behind a partition may be; 60 s by default.
    pub lag: Duration,
    /// How old a transaction may be that holds readers back; 30 s by default.
    pub mark_held: Duration,
    /// For how long a runner or relay may have failed again and again; 30 s by default.
    pub retrying: Duration,
    /// How long the store may take to answer; 1 s by default.
    pub answer: Duration,
}

impl Default for HealthLimits {
    fn default() -> Self {
        let half_a_minute = Duration::from_secs(30);
        Self {
            without_owner: half_a_minute,
            standing_still: half_a_minute,
            lag: Duration::from_secs(60),
            mark_held: half_a_minute,
            retrying: half_a_minute,
            answer: Duration::from_secs(1),
        }
    }
}

macro_rules! setters {
    ($($name:ident: $what:literal,)+) => {
        impl HealthLimits {
            $(
                #[doc = concat!("Sets ", $what, ".")]
                #[must_use]
                pub const fn $name(mut self, limit: Duration) -> Self {
                    self.$name = limit;
                    self
                }
            )+
        }
    };
}

setters! {
    without_owner: "for how long nobody may have a partition",
    standing_still: "for how long a partition with events behind it may not move",
    lag: "how old the first event behind a partition may be",
    mark_held: "how old a transaction may be that holds readers back",
    retrying: "for how long a runner or relay may have failed again and again",
    answer: "how long the store may take to answer",
}

/// What somebody should look at. Prints one line for each finding, or `healthy`.
#[derive(Debug, Default, Clone, PartialEq)]
#[non_exhaustive]
pub struct Health {
    /// The findings, by subscription.
    pub findings: Vec<Finding>,
}

impl Health {
    /// Judges an overview.
    #[must_use]
    pub fn of(overview: &Overview, limits: &HealthLimits) -> Self {
        let held = overview.held.iter().filter(|held| {
            // Where the age is hidden it may be an append in flight.
            held.age.is_some_and(|age| age >= limits.mark_held)
        });
        let held = held.cloned().map(Finding::Held);
        let subscriptions = overview.subscriptions.iter();
        let of_each = subscriptions.flat_map(|subscription| findings(subscription, limits));
        let relays = overview.relays.iter();
        let relays = relays.filter_map(|relay| {
            let since = relay.owned_for.unwrap_or_default();
            let is_left = relay.owner.is_none() && since >= limits.without_owner;
            is_left.then(|| Finding::RelayWithoutOwner {
                relay: relay.name.clone(),
                since,
            })
        });
        Self {
            findings: held.chain(relays).chain(of_each).collect(),
        }
    }

    /// Whether there is nothing to look at.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.findings.is_empty()
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_healthy() {
            return f.write_str("healthy");
        }
        for (index, finding) in self.findings.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{finding}")?;
        }
        Ok(())
    }
}

/// One thing that somebody should look at.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// A transaction holds all readers of the log back.
    Held(HeldMark),
    /// No living process runs a relay.
    RelayWithoutOwner {
        /// The relay.
        relay: String,
        /// For how long.
        since: Duration,
    },
    /// No living process has a partition.
    NoOwner {
        /// The subscription.
        subscription: String,
        /// The partition.
        partition: PartitionId,
        /// For how long.
        since: Duration,
    },
    /// A partition has events behind it, and does not move: its owner fails again and again, or hangs.
    StandsStill {
        /// The subscription.
        subscription: String,
        /// The partition.
        partition: PartitionId,
        /// For how long.
        since: Duration,
        /// What is behind it.
        lag: Lag,
        /// Who has it.
        owner: String,
    },
    /// A failure has ended the runner of a partition.
    Stopped {
        /// The subscription.
        subscription: String,
        /// The partition.
        partition: PartitionId,
        /// The failure.
        reason: String,
    },
    /// Somebody has asked the runners of a partition to wait.
    Paused {
        /// The subscription.
        subscription: String,
        /// The partition.
        partition: PartitionId,
    },
    /// A partition moves, and is far behind.
    Behind {
        /// The subscription.
        subscription: String,
        /// The partition.
        partition: PartitionId,
        /// What is behind it.
        lag: Lag,
    },
    /// Keys are parked.
    Parked {
        /// The subscription.
        subscription: String,
        /// A group of one cause.
        group: ParkedSummary,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held(held) => write!(f, "all readers of the log wait for {held}"),
            Self::RelayWithoutOwner { relay, since } => write!(
                f,
                "relay {relay}: no process has run it for {} s; start one that does, or remove it for good with `Control::remove_relay`",
                since.as_secs()
            ),
            Self::NoOwner {
                subscription,
                partition,
                since,
            } => write!(
                f,
                "{subscription}: no process has worked on {partition} for {} s; start one that runs it, or remove the subscription for good \
                 with `Control::remove`",
                since.as_secs()
            ),
            Self::StandsStill {
                subscription,
                partition,
                since,
                lag,
                owner,
            } => write!(
                f,
                "{subscription}: {partition} has not moved for {} s and is {lag}; look at the log of its owner, {owner}",
                since.as_secs()
            ),
            Self::Stopped {
                subscription,
                partition,
                reason,
            } => write!(
                f,
                "{subscription}: {partition} was stopped by a failure, and a process that starts later tries it again: {reason}"
            ),
            Self::Paused {
                subscription,
                partition,
            } => write!(
                f,
                "{subscription}: {partition} is paused until it is resumed"
            ),
            Self::Behind {
                subscription,
                partition,
                lag,
            } => write!(f, "{subscription}: {partition} is {lag}"),
            Self::Parked {
                subscription,
                group,
            } => write!(
                f,
                "{subscription}: parked for {} s until they are redriven or discarded: {group}",
                group.parked_for.as_secs()
            ),
        }
    }
}

fn findings(subscription: &SubscriptionInfo, limits: &HealthLimits) -> Vec<Finding> {
    let partitions = subscription.partitions.iter();
    let of_partitions = partitions.filter_map(|found| finding(&subscription.name, found, limits));
    let parked = subscription.parked.iter().map(|group| Finding::Parked {
        subscription: subscription.name.clone(),
        group: group.clone(),
    });
    of_partitions.chain(parked).collect()
}

/// The worst that there is to say of a partition.
fn finding(name: &str, found: &PartitionInfo, limits: &HealthLimits) -> Option<Finding> {
    let subscription = name.to_owned();
    let partition = found.partition.clone();
    match &found.state {
        PartitionState::Stopped { reason } => {
            return Some(Finding::Stopped {
                subscription,
                partition,
                reason: reason.clone(),
            });
        }
        PartitionState::Paused => {
            return Some(Finding::Paused {
                subscription,
                partition,
            });
        }
        PartitionState::Ready => {}
    }
    // The consumer group has the partitions of topics.
    let lag = found.lag?;
    let Some(owner) = &found.owner else {
        let since = found.owned_for.unwrap_or_default();
        return (since >= limits.without_owner).then_some(Finding::NoOwner {
            subscription,
            partition,
            since,
        });
    };
    let age = lag.age?;
    if age >= limits.standing_still && found.moved >= limits.standing_still {
        return Some(Finding::StandsStill {
            subscription,
            partition,
            since: found.moved.min(age),
            lag,
            owner: owner.clone(),
        });
    }
    (age >= limits.lag).then_some(Finding::Behind {
        subscription,
        partition,
        lag,
    })
}
