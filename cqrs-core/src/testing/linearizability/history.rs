//! What clients asked of a store, what it answered, and when.

use crate::{ExpectedVersion, Version};

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
}

/// What an append asks of one stream. Without events it only guards it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Participant {
    pub(super) stream: Stream,
    pub(super) expected: ExpectedVersion,
    pub(super) events: Vec<EventNumber>,
}

/// A conflict as the store told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) stream: Stream,
    pub(super) actual: Version,
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

/// A call and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    /// Answers the version of each stream after it, in the order asked.
    Append {
        to: Vec<Participant>,
        answer: Answer<Result<Vec<Version>, Refusal>>,
    },
    /// Answers the events behind `after`, each with its version.
    Read {
        of: Stream,
        after: Version,
        answer: Answer<Vec<(Version, EventNumber)>>,
    },
}

/// A call, who made it and when. Times are drawn from one counter, so all of them differ.
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
        match &self.call {
            Call::Append { answer, .. } => !matches!(answer, Answer::Failed(_)),
            Call::Read { answer, .. } => matches!(answer, Answer::Given(_)),
        }
    }

    /// The time by which it must have taken effect; `None` if it never has to.
    pub(super) fn deadline(&self) -> Option<usize> {
        match &self.call {
            Call::Append {
                answer: Answer::Given(_),
                ..
            }
            | Call::Read {
                answer: Answer::Given(_),
                ..
            } => Some(self.returned),
            _ => None,
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
