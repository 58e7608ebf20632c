//! A process that works on the partitions of a subscription or as a relay, and for how long it keeps what it has.

use std::{fmt, time::Duration};

use uuid::Uuid;

/// Identifies one run of a subscription or relay in one process. It is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(Uuid);

impl MemberId {
    /// A new id.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// The UUID.
    #[must_use]
    pub const fn as_uuid(self) -> Uuid {
        self.0
    }
}

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// For how long a member keeps its partitions, and when partitions move to a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaseTimes {
    /// For how long a member that is not heard of keeps its partitions.
    pub lease: Duration,
    /// For how long no member must have joined before partitions are given back to the newest.
    pub settle: Duration,
}

impl LeaseTimes {
    /// These times.
    #[must_use]
    pub const fn new(lease: Duration, settle: Duration) -> Self {
        Self { lease, settle }
    }

    /// How often a member must be heard of: four times in a lease.
    #[must_use]
    pub fn heartbeat(self) -> Duration {
        self.lease / 4
    }
}

/// 15 s, and 5 s until partitions move.
impl Default for LeaseTimes {
    fn default() -> Self {
        Self::new(Duration::from_secs(15), Duration::from_secs(5))
    }
}

/// A process that works on the partitions of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Member {
    /// This run of the subscription.
    pub id: MemberId,
    /// The process, as it calls itself.
    pub name: String,
    /// For how long it keeps its partitions.
    pub times: LeaseTimes,
}

impl Member {
    /// A member with this name.
    #[must_use]
    pub fn new(id: MemberId, name: impl Into<String>, times: LeaseTimes) -> Self {
        Self {
            id,
            name: name.into(),
            times,
        }
    }

    /// A new member that is this process: its number, and the host it runs on.
    #[must_use]
    pub fn this_process(times: LeaseTimes) -> Self {
        let process = std::process::id();
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
            .or_else(|_| std::env::var("HOSTNAME"))
            .unwrap_or_default();
        let name = match host.trim() {
            "" => format!("process {process}"),
            host => format!("process {process} on {host}"),
        };
        Self::new(MemberId::random(), name, times)
    }
}
