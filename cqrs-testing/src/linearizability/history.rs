//! The calls of clients to a store, with their results and times.

use cqrs_core::{EventId, ExpectedVersion, Version};
use uuid::Uuid;

/// A stream of a history, by number: shown as `a`, `b`, `c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stream(pub(super) usize);

impl Stream {
    /// A stream that is not part of the history, in a result of the store.
    pub(super) const FOREIGN: Self = Self(usize::MAX);
}

/// An event of a history, numbered from 1 in the order of the calls: shown as `e1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct EventNumber(pub(super) u32);

impl EventNumber {
    /// An event that no client of the history appended, in a result of the store.
    pub(super) const FOREIGN: Self = Self(0);

    /// The number as an id, for an expectation.
    pub(super) fn as_id(self) -> EventId {
        EventId::from_uuid(Uuid::from_u128(self.0.into()))
    }

    pub(super) fn of_id(id: EventId) -> Self {
        u32::try_from(id.as_uuid().as_u128()).map_or(Self::FOREIGN, Self)
    }
}

/// The part of an append for one stream. Without events the stream is a read-only participant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Participant {
    pub(super) stream: Stream,
    pub(super) expected: ExpectedVersion,
    pub(super) events: Vec<EventNumber>,
}

/// An idempotency key of a history, by number, and its command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) number: usize,
    pub(super) command: u64,
}

/// The result of an append to one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct StreamResult {
    pub(super) stream: Stream,
    pub(super) before: Version,
    pub(super) version: Version,
    pub(super) repeated: bool,
}

/// The reason why nothing was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rejection {
    Conflict { stream: Stream, actual: Version },
    KeyReused,
}

/// The outcome of a call. A given result is the store's success or rejection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome<T> {
    Given(T),
    /// An error: nothing was written.
    Failed(String),
    /// The reply was lost. The call may take effect at any time after its start, or never.
    Unknown,
}

pub(super) type AppendOutcome = Outcome<Result<Vec<StreamResult>, Rejection>>;
pub(super) type ReadOutcome = Outcome<Vec<(Version, EventNumber)>>;
pub(super) type LookupOutcome = Outcome<Result<Option<Vec<StreamResult>>, Rejection>>;

/// A call and its outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    /// An append to streams, with or without a key.
    Append {
        to: Vec<Participant>,
        key: Option<Key>,
        outcome: AppendOutcome,
    },
    /// A read of a stream's events after `after`.
    Read {
        of: Stream,
        after: Version,
        outcome: ReadOutcome,
    },
    /// A lookup of the appends under a key.
    Lookup { key: Key, outcome: LookupOutcome },
}

/// A call with its client and its times. Times come from one counter: if one call ended before another started, its end has
/// the smaller number.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) client: usize,
    /// The port's function, for the report.
    pub(super) function: &'static str,
    pub(super) invoked: usize,
    pub(super) returned: usize,
    pub(super) call: Call,
}

impl Operation {
    /// Whether it has a result to check, or may take effect.
    pub(super) fn matters(&self) -> bool {
        let appends = matches!(self.call, Call::Append { .. });
        self.deadline().is_some() || (appends && self.in_doubt())
    }

    /// The time by which it must have taken effect; `None` if it never has to.
    pub(super) fn deadline(&self) -> Option<usize> {
        let given = match &self.call {
            Call::Append { outcome, .. } => matches!(outcome, Outcome::Given(_)),
            Call::Read { outcome, .. } => matches!(outcome, Outcome::Given(_)),
            Call::Lookup { outcome, .. } => matches!(outcome, Outcome::Given(_)),
        };
        given.then_some(self.returned)
    }

    /// Whether its outcome is unknown.
    pub(super) fn in_doubt(&self) -> bool {
        match &self.call {
            Call::Append { outcome, .. } => *outcome == Outcome::Unknown,
            Call::Read { outcome, .. } => *outcome == Outcome::Unknown,
            Call::Lookup { outcome, .. } => *outcome == Outcome::Unknown,
        }
    }
}

/// The operations of all clients on streams that nobody else uses.
#[derive(Debug, Clone)]
pub(super) struct History {
    /// The number of streams.
    pub(super) streams: usize,
    /// Ordered by their start.
    pub(super) operations: Vec<Operation>,
}
