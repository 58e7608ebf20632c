//! What clients asked of a store, what it answered, and when.

use cqrs_core::{EventId, ExpectedVersion, Version};
use uuid::Uuid;

/// A stream of a history, by number: shown as `a`, `b`, `c`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stream(pub(super) usize);

impl Stream {
    /// A stream that the store speaks of and the history does not know.
    pub(super) const FOREIGN: Self = Self(usize::MAX);
}

/// An event of a history, numbered from 1 as they were asked to be appended: shown as `e1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct EventNumber(pub(super) u32);

impl EventNumber {
    /// An event that the store speaks of and nobody of the history has appended.
    pub(super) const FOREIGN: Self = Self(0);

    /// The number as an id, where a guard wants one.
    pub(super) fn as_id(self) -> EventId {
        EventId::from_uuid(Uuid::from_u128(self.0.into()))
    }

    pub(super) fn of_id(id: EventId) -> Self {
        u32::try_from(id.as_uuid().as_u128()).map_or(Self::FOREIGN, Self)
    }
}

/// What an append asks of one stream. Without events it only guards it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Participant {
    pub(super) stream: Stream,
    pub(super) expected: ExpectedVersion,
    pub(super) events: Vec<EventNumber>,
}

/// An idempotency key of a history, by number, and the command that it is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) number: usize,
    pub(super) command: u64,
}

/// Where an append to a stream has landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Landed {
    pub(super) stream: Stream,
    pub(super) before: Version,
    pub(super) version: Version,
    pub(super) repeated: bool,
}

/// Why nothing was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    Conflict { stream: Stream, actual: Version },
    KeyReused,
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer<T> {
    Given(T),
    /// An error that says: nothing was written.
    Failed(String),
    /// The answer was lost. It may have happened, may happen later, or never.
    Unknown,
}

pub(super) type AppendAnswer = Answer<Result<Vec<Landed>, Refusal>>;
pub(super) type ReadAnswer = Answer<Vec<(Version, EventNumber)>>;
pub(super) type RecallAnswer = Answer<Result<Option<Vec<Landed>>, Refusal>>;

/// A call and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    /// To streams, under a key or none.
    Append {
        to: Vec<Participant>,
        key: Option<Key>,
        answer: AppendAnswer,
    },
    /// Of a stream's events behind `after`.
    Read {
        of: Stream,
        after: Version,
        answer: ReadAnswer,
    },
    /// Of what was appended under a key.
    Recall { key: Key, answer: RecallAnswer },
}

/// A call, who made it and when. Times are drawn from one counter: what ended before something else began has the smaller one.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) client: usize,
    /// The port's function, for people.
    pub(super) function: &'static str,
    pub(super) invoked: usize,
    pub(super) returned: usize,
    pub(super) call: Call,
}

impl Operation {
    /// Whether its answer says anything that could be wrong, or it may have changed something.
    pub(super) fn tells(&self) -> bool {
        let appends = matches!(self.call, Call::Append { .. });
        self.deadline().is_some() || (appends && self.in_doubt())
    }

    /// The time by which it must have taken effect; `None` if it never has to.
    pub(super) fn deadline(&self) -> Option<usize> {
        let answered = match &self.call {
            Call::Append { answer, .. } => matches!(answer, Answer::Given(_)),
            Call::Read { answer, .. } => matches!(answer, Answer::Given(_)),
            Call::Recall { answer, .. } => matches!(answer, Answer::Given(_)),
        };
        answered.then_some(self.returned)
    }

    /// Whether its answer was lost.
    pub(super) fn in_doubt(&self) -> bool {
        match &self.call {
            Call::Append { answer, .. } => *answer == Answer::Unknown,
            Call::Read { answer, .. } => *answer == Answer::Unknown,
            Call::Recall { answer, .. } => *answer == Answer::Unknown,
        }
    }
}

/// The operations of all clients on streams that nobody else touches.
#[derive(Debug, Clone)]
pub(super) struct History {
    /// How many streams there are.
    pub(super) streams: usize,
    /// By the time they were invoked.
    pub(super) operations: Vec<Operation>,
}
