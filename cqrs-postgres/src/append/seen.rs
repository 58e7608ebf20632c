//! Where streams stood when they were last read or appended to, so that an append need not look at them again.
//!
//! **Invariant**: what is remembered was committed in the log that it is remembered of, and goes with that log. So an append to a
//! stream at a version remembered here leaves no gap before it; whether others have appended since, the primary key tells.

use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard},
};

use cqrs_core::{Append, Appended, Appends, EventId, ExpectedVersion, StreamId, Version};

use crate::log_identity::LogIdentity;

/// So many streams are remembered at least, and twice as many at most.
const STREAMS: usize = 16_384;

/// For so many batches, or appends alone, each stream is looked at again after one had moved on: where several processes append
/// to the same streams, a look costs less than what is written in vain.
const DOUBT: u32 = 16;

/// Where streams stood lately.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<Memory>);

#[derive(Debug, Default)]
struct Memory {
    /// Of which log all this is.
    log: Option<LogIdentity>,
    streams: Streams,
    /// For how many batches or appends alone each stream is still looked at.
    doubt: u32,
}

/// Which of some appends stand on what was seen, and in which log; none if there is no log.
#[derive(Debug, Default)]
pub(super) struct Covered {
    pub(super) appends: Vec<bool>,
    pub(super) log: Option<LogIdentity>,
}

/// Of each stream the last event. By a hash of its name, since names would have to be allocated and dropped.
type Places = HashMap<u64, (Version, EventId)>;

/// Those of late, and those before; the oldest are forgotten together.
#[derive(Debug, Default)]
struct Streams {
    hash: RandomState,
    late: Places,
    before: Places,
}

impl Seen {
    /// Remembers events that are the last ones of their streams, read from this log or committed to it.
    pub(crate) fn remember<'a>(
        &self,
        log: &LogIdentity,
        last_events: impl IntoIterator<Item = (&'a StreamId, Version, EventId)>,
    ) {
        let mut memory = self.lock();
        let newer = |remembered: &LogIdentity| log.is_older_than(remembered);
        if memory.log.as_ref().is_some_and(newer) {
            return;
        }
        if memory.log.as_ref() != Some(log) {
            memory.log = Some(log.clone());
            memory.streams = Streams::default();
        }
        for (stream, version, event) in last_events {
            memory.streams.insert(stream, (version, event));
        }
    }

    /// Which of these appends stand on what was seen in this log.
    pub(super) fn covered(&self, log: &LogIdentity, appends: &[&Append]) -> Covered {
        let mut memory = self.lock();
        if memory.log.as_ref() != Some(log) {
            return Covered::default();
        }
        if memory.doubt > 0 {
            memory.doubt -= 1;
            return Covered::default();
        }
        let covered = appends.iter().map(|append| memory.streams.cover(append));
        let appends: Vec<_> = covered.collect();
        let log = appends.contains(&true).then(|| log.clone());
        Covered { appends, log }
    }

    /// One of those that were seen has moved on.
    pub(super) fn doubt(&self) {
        self.lock().doubt = DOUBT;
    }

    fn lock(&self) -> MutexGuard<'_, Memory> {
        self.0
            .lock()
            .expect("no call panics while it holds the lock")
    }
}

impl Streams {
    fn insert(&mut self, stream: &StreamId, place: (Version, EventId)) {
        if self.late.len() >= STREAMS {
            self.before = std::mem::replace(&mut self.late, Places::with_capacity(STREAMS));
        }
        self.late.insert(self.hash.hash_one(stream), place);
    }

    /// Two streams of one hash are no danger: nobody expects the last event of one of them in the other at the same version.
    fn cover(&self, append: &Append) -> bool {
        // What is not written is not refused either: somebody has to look.
        if append.events.is_empty() {
            return false;
        }
        let stream = self.hash.hash_one(&append.stream);
        let place = self.late.get(&stream).or_else(|| self.before.get(&stream));
        match append.expected {
            // Nothing has to be there. If there is something, a look costs less than to be refused.
            ExpectedVersion::NoStream | ExpectedVersion::Exact(Version::EMPTY) => place.is_none(),
            ExpectedVersion::LastEvent(version, event) => place == Some(&(version, event)),
            ExpectedVersion::Exact(_) | ExpectedVersion::Any | ExpectedVersion::StreamExists => {
                false
            }
        }
    }
}

/// The last event of each stream that was appended to.
pub(super) fn last_events<'a>(
    appends: &'a Appends,
    appended: &'a [Appended],
) -> impl Iterator<Item = (&'a StreamId, Version, EventId)> {
    let streams = appends.streams.iter().zip(appended);
    streams.filter_map(|(append, appended)| {
        let last = append.events.last()?;
        Some((&append.stream, appended.version, last.id))
    })
}

#[cfg(test)]
mod tests;
