//! Chooses which of the waiting appends go together.

use std::collections::{HashMap, HashSet, VecDeque};

use cqrs_core::{
    ExpectedVersion, StreamId, Version,
    model::Conflict,
    ports::{Appended, Appends},
};

use super::job::AppendJob;

/// How many appends a batch holds at most: each holds guards, and a server has room for some thousands of them.
const APPENDS: usize = 128;

/// How many streams they have together at most.
const STREAMS: usize = 512;

/// How many bytes of payload they have together at most.
const BYTES: usize = 4 << 20;

/// Takes the jobs that may go together, in their order. The others stay, in their order.
pub(super) fn take(waiting: &mut VecDeque<AppendJob>) -> Vec<AppendJob> {
    let mut capacity = BatchCapacity::default();
    let mut batch = Vec::new();
    let mut later = VecDeque::new();
    for job in waiting.drain(..) {
        if job.answer.is_closed() {
            // The caller is gone, and nothing was sent.
        } else if capacity.admits(&job.appends) {
            capacity.take(&job.appends);
            batch.push(job);
        } else {
            capacity.pass_over(&job.appends);
            later.push_back(job);
        }
    }
    *waiting = later;
    batch
}

/// What a batch holds so far. Streams and keys are clones, since jobs move.
#[derive(Default)]
struct BatchCapacity {
    appends: usize,
    bytes: usize,
    /// Each stream, and whether it is written.
    streams: HashMap<StreamId, bool>,
    keys: HashSet<cqrs_core::IdempotencyKey>,
}

impl BatchCapacity {
    /// **Invariant**: a stream is in a batch once, unless every append only checks it, and so is a key. No append is overtaken by a
    /// later one to the same stream.
    fn admits(&self, appends: &Appends) -> bool {
        let fits = self.appends == 0
            || (self.appends < APPENDS
                && self.streams.len() + appends.streams.len() <= STREAMS
                && self.bytes + bytes(appends) <= BYTES);
        let free = |append: &cqrs_core::ports::Append| match self.streams.get(&append.stream) {
            None => true,
            Some(written) => !written && append.events.is_empty(),
        };
        let key = appends.idempotency.as_ref();
        fits && appends.streams.iter().all(free)
            && key.is_none_or(|idempotency| !self.keys.contains(&idempotency.key))
    }

    fn take(&mut self, appends: &Appends) {
        self.appends += 1;
        self.bytes += bytes(appends);
        for append in &appends.streams {
            let written = self.streams.entry(append.stream.clone()).or_default();
            *written |= !append.events.is_empty();
        }
        self.keys.extend(
            appends
                .idempotency
                .iter()
                .map(|idempotency| idempotency.key.clone()),
        );
    }

    /// Reserves the streams of an append that stays, so that no later one overtakes it.
    fn pass_over(&mut self, appends: &Appends) {
        for append in &appends.streams {
            self.streams.insert(append.stream.clone(), true);
        }
    }
}

fn bytes(appends: &Appends) -> usize {
    let events = appends.streams.iter().flat_map(|append| &append.events);
    events.map(|event| event.payload.len()).sum()
}

/// Answers waiting appends that can no longer succeed, because a stream has just moved past the version that they expect. They
/// would conflict in the next batch.
pub(super) fn answer_conflicts(waiting: &mut VecDeque<AppendJob>, appended: &[Appended]) {
    if waiting.is_empty() || appended.is_empty() {
        return;
    }
    let now: HashMap<_, _> = appended
        .iter()
        .map(|appended| (&appended.stream, appended.version))
        .collect();
    for job in std::mem::take(waiting) {
        match conflict(&job.appends, &now) {
            // The caller may be gone.
            Some(conflict) => drop(job.answer.send(Err(conflict.into()))),
            None => waiting.push_back(job),
        }
    }
}

fn conflict(appends: &Appends, now: &HashMap<&StreamId, Version>) -> Option<Conflict> {
    // The key decides first: the append may be a repeat.
    if appends.idempotency.is_some() {
        return None;
    }
    let conflict = |append: &cqrs_core::ports::Append| {
        let actual = *now.get(&append.stream)?;
        let expected = match append.expected {
            ExpectedVersion::NoStream => Version::EMPTY,
            ExpectedVersion::Exact(version) | ExpectedVersion::LastEvent(version, _) => version,
            ExpectedVersion::Any | ExpectedVersion::StreamExists => return None,
        };
        (expected < actual).then(|| Conflict::new(append.stream.clone(), append.expected, actual))
    };
    appends.streams.iter().find_map(conflict)
}
