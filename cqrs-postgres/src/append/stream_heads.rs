//! The positions of the last events of streams to which the writer has appended lately.
//!
//! A batch names these positions, so that the server finds the event before each append at a third of the cost. They are hints:
//! the server checks each, and searches by name where there is none (`sql/functions/append/append_each.sql`).

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
};

use cqrs_core::{
    EventId, ExpectedVersion, Position, Version,
    ports::{Append, AppendError, Appends},
};

use super::verdict::Verdict;
use crate::row::signed;

/// At least this many streams are remembered, and twice as many at most.
const STREAMS: usize = 16_384;

/// How many batches read the versions first after a conflict. Where several processes append to the same streams, that costs less
/// than the wasted insert of a late append.
const DISTRUST: u32 = 16;

/// The last events of streams.
#[derive(Debug, Default)]
pub(super) struct StreamHeads {
    hash: RandomState,
    recent: Heads,
    /// Forgotten together.
    older: Heads,
    /// For how many batches the versions are still read first.
    distrust: u32,
}

/// The head of each stream, by a hash of its name: a name would have to be allocated. The check on the server tells streams with
/// the same hash apart.
type Heads = HashMap<u64, StreamHead>;

/// The last event of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StreamHead {
    version: Version,
    event: EventId,
    position: Position,
}

impl StreamHeads {
    /// For each append the position of the event that it expects, 0 where that is not known. `None` if the versions should be
    /// read first.
    pub(super) fn hints(&mut self, appends: &[&Append]) -> Option<Vec<i64>> {
        if self.distrust > 0 {
            self.distrust -= 1;
            return None;
        }
        appends.iter().map(|append| self.hint(append)).collect()
    }

    fn hint(&self, append: &Append) -> Option<i64> {
        if append.events.is_empty() {
            return None;
        }
        let stream = self.hash.hash_one(&append.stream);
        let head = self.recent.get(&stream).or_else(|| self.older.get(&stream));
        match append.expected {
            ExpectedVersion::Any | ExpectedVersion::StreamExists => None,
            // A stream that is remembered exists, so this append would conflict.
            ExpectedVersion::NoStream | ExpectedVersion::Exact(Version::EMPTY) => {
                head.is_none().then_some(0)
            }
            ExpectedVersion::Exact(_) => Some(0),
            ExpectedVersion::LastEvent(version, event) => {
                let known = head.filter(|head| head.version == version && head.event == event);
                Some(known.map_or(0, |head| signed(head.position.get())))
            }
        }
    }

    /// Learns from the verdicts on a batch.
    pub(super) fn learn(&mut self, batch: &[&Appends], verdicts: &[Verdict]) {
        for (appends, verdict) in batch.iter().zip(verdicts) {
            match verdict {
                Verdict::Appended(appended) => {
                    for (append, appended) in appends.streams.iter().zip(appended) {
                        if let (Some(last), Some(position)) =
                            (append.events.last(), appended.position)
                        {
                            let head = StreamHead {
                                version: appended.version,
                                event: last.id,
                                position,
                            };
                            self.insert(append, head);
                        }
                    }
                }
                Verdict::Rejected(AppendError::Conflict(_)) if self.distrust == 0 => {
                    self.distrust = DISTRUST;
                }
                Verdict::Rejected(_) | Verdict::Repeat | Verdict::Busy(_) => {}
            }
        }
    }

    fn insert(&mut self, append: &Append, head: StreamHead) {
        if self.recent.len() >= STREAMS {
            self.older = std::mem::replace(&mut self.recent, Heads::with_capacity(STREAMS));
        }
        self.recent.insert(self.hash.hash_one(&append.stream), head);
    }
}

#[cfg(test)]
mod tests;
