//! What a writer asks of the store.

use std::time::Duration;

use cqrs_core::{EventId, ExpectedVersion, Version};

use crate::{books::Part, names::StreamNumber};

/// What is asked of one stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    pub(super) stream: StreamNumber,
    pub(super) expected: ExpectedVersion,
    /// 0: guard it only.
    pub(super) events: u8,
    /// A version that the stream had reached before the call.
    pub(super) floor: u64,
    /// Nobody else writes to it, so it is still there.
    pub(super) own: Option<Own>,
}

impl Ask {
    pub(super) fn part(&self) -> Part {
        Part::asked(self.stream, self.events)
    }

    /// Whether the stream can be at this version.
    pub(super) fn can_be_at(&self, version: Version) -> bool {
        match self.own {
            Some(own) => version.get() == own.version,
            None => version.get() >= self.floor,
        }
    }

    /// Whether it is what was expected, if it is at this version. Nobody knows the last event of a stream of all.
    pub(super) fn expects(&self, version: Version) -> bool {
        let last = self.own.and_then(|own| own.last);
        self.expected.allows(version, last)
    }
}

/// The stream that only this writer writes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own {
    pub(super) stream: StreamNumber,
    pub(super) version: u64,
    pub(super) last: Option<EventId>,
}

impl Own {
    pub(super) const fn empty(stream: StreamNumber) -> Self {
        Self {
            stream,
            version: 0,
            last: None,
        }
    }
}

/// What a writer does next.
#[derive(Debug)]
pub(super) enum Turn {
    /// Appends in a transaction of their own.
    Append(Vec<Ask>),
    /// The same under a key, and twice at once.
    Twice(Vec<Ask>),
    /// What was appended under a key before, once more.
    Repeat,
    /// A unit of work.
    Unit(Unit),
}

/// A transaction with an append in it.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) asks: Vec<Ask>,
    /// The caller stops waiting for its beginning.
    pub(super) never_begins: Option<Duration>,
    /// Takes its transaction id, and waits, long before it appends.
    pub(super) early: Option<Hold>,
    /// Guards and reads the streams, and expects what it has read.
    pub(super) reads_first: bool,
    /// Appends once more before, and goes back to a savepoint.
    pub(super) undoes_first: bool,
    /// Waits between append and end: nobody reads past it meanwhile.
    pub(super) hold: Option<Hold>,
    /// Is laid aside before its end, if the store can do that.
    pub(super) prepared: bool,
    pub(super) end: End,
}

/// A wait that is over when others have committed so often, or after a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold {
    pub(super) commits: u64,
    pub(super) at_most: Duration,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Commit,
    /// The caller stops waiting for the commit.
    GivenUp(Duration),
    RollBack,
    Drop,
}
