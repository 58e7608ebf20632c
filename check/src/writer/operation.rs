//! The operations of a writer.

use std::time::Duration;

use cqrs_core::{EventId, ExpectedVersion, Version, ports::Appended};

use crate::{history::StreamPart, ids::StreamNumber};

/// The next operation of a writer.
#[derive(Debug)]
pub(super) enum Operation {
    /// An append in a transaction of its own.
    Append(Vec<StreamRequest>),
    /// An append under a key, sent twice at the same time.
    AppendTwice(Vec<StreamRequest>),
    /// An earlier append under a key, sent again.
    Repeat,
    /// An append in a unit of work.
    Unit(UnitPlan),
}

/// The request of an append for one stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamRequest {
    pub(super) stream: StreamNumber,
    pub(super) expected: ExpectedVersion,
    /// How many events; 0 for a read-only participant.
    pub(super) events: u8,
    /// A version that the stream had reached before the call.
    pub(super) min_version: u64,
    /// Set if only this writer writes to the stream, so that its version is known.
    pub(super) own: Option<OwnStream>,
}

impl StreamRequest {
    pub(super) fn part(&self) -> StreamPart {
        StreamPart::requested(self.stream, self.events)
    }

    /// Whether the stream can be at this version.
    pub(super) fn can_be_at(&self, version: Version) -> bool {
        match self.own {
            Some(own) => version.get() == own.version,
            None => version.get() >= self.min_version,
        }
    }

    /// Whether the expectation holds if the stream is at this version. The last event of a shared stream is not known.
    pub(super) fn allows(&self, version: Version) -> bool {
        let last_event = self.own.and_then(|own| own.last_event);
        self.expected.allows(version, last_event)
    }
}

/// A stream that only this writer writes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct OwnStream {
    pub(super) stream: StreamNumber,
    pub(super) version: u64,
    pub(super) last_event: Option<EventId>,
}

impl OwnStream {
    pub(super) const fn empty(stream: StreamNumber) -> Self {
        Self {
            stream,
            version: 0,
            last_event: None,
        }
    }
}

/// A transaction with an append.
#[derive(Debug)]
pub(super) struct UnitPlan {
    pub(super) requests: Vec<StreamRequest>,
    /// Begins another transaction first, and abandons that call after this time.
    pub(super) abandoned_begin: Option<Duration>,
    /// Takes its transaction id, and waits, long before it appends.
    pub(super) early: Option<Wait>,
    /// Guards and reads the streams, and expects the versions that it read.
    pub(super) reads_first: bool,
    /// Appends once before, and rolls back to a savepoint.
    pub(super) undoes_first: bool,
    /// Waits between the append and the end. Meanwhile no reader can read past it.
    pub(super) wait: Option<Wait>,
    /// Prepares the transaction, if the store can do that.
    pub(super) prepared: bool,
    pub(super) end: UnitEnd,
}

/// A wait until other writers have committed this many times, with a time limit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wait {
    pub(super) commits: u64,
    pub(super) time_limit: Duration,
}

/// How a unit of work is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnitEnd {
    Commit,
    /// The caller abandons the commit after this time.
    AbandonedCommit(Duration),
    Rollback,
    Drop,
}

/// How a unit of work ended.
pub(super) enum UnitOutcome {
    Committed(Vec<Appended>),
    RolledBack,
}
