//! One transaction of the store in memory.

use std::{collections::BTreeMap, time::SystemTime};

use super::{
    MemoryEventStore, State, documents::StagedDocuments, keys, operations::NewOperation,
    parked::StagedParking, subscriptions::StagedSubscriptions,
};
use crate::{
    model::{
        Conflict, EventId, ExpectedVersion, Idempotency, Position, RecordedEvent, StreamId, Version,
    },
    ports::{Append, AppendError, Appended, Appends, CommitError, Discarded, LookupError},
};

/// Staged writes, and the guards that must still hold at commit.
#[derive(Debug)]
pub struct MemoryTransaction {
    /// The store that it was begun on. All its steps read and write there, as a connection to a database does.
    pub(super) store: MemoryEventStore,
    /// Streams: the expected version, and the version that was read.
    pub(super) guards: BTreeMap<StreamId, (ExpectedVersion, Version)>,
    pub(super) events: Vec<RecordedEvent>,
    /// Idempotency keys that must still be unused, and the appends under them.
    keys: Vec<(Idempotency, Vec<Appended>)>,
    pub(super) subscriptions: StagedSubscriptions,
    pub(super) documents: StagedDocuments,
    pub(super) discarded: Vec<Discarded>,
    pub(super) parking: StagedParking,
    pub(super) operations: Vec<NewOperation>,
}

impl MemoryTransaction {
    pub(super) fn begin(store: MemoryEventStore) -> Self {
        Self {
            store,
            guards: BTreeMap::new(),
            events: Vec::new(),
            keys: Vec::new(),
            subscriptions: StagedSubscriptions::default(),
            documents: StagedDocuments::default(),
            discarded: Vec::new(),
            parking: StagedParking::default(),
            operations: Vec::new(),
        }
    }

    /// The version and last event of a stream, with this transaction's staged events.
    fn head(&self, state: &State, stream: &StreamId) -> (Version, Option<EventId>) {
        let mut staged = self.events.iter().filter(|event| event.stream == *stream);
        let last = staged.next_back();
        let count = staged.count() + usize::from(last.is_some());
        let last = last.map_or_else(|| state.last(stream), |event| Some(event.id));
        (state.version(stream).plus(count as u64), last)
    }

    /// Stages appends, or returns what was appended earlier under their key. Positions are assigned at commit.
    pub(super) fn stage_all(
        &mut self,
        state: &State,
        Appends {
            streams,
            idempotency,
        }: Appends,
    ) -> Result<Vec<Appended>, AppendError> {
        if streams.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(idempotency) = &idempotency
            && let Some(appended) = self.appended_under(state, idempotency)?
        {
            return Ok(appended);
        }
        for append in &streams {
            self.check(state, append)?;
        }
        let appended: Vec<_> = streams
            .into_iter()
            .map(|append| self.stage(state, append))
            .collect();
        if let Some(idempotency) = idempotency {
            self.keys.push((idempotency, appended.clone()));
        }
        Ok(appended)
    }

    /// The appends under a key, by this transaction or an earlier one.
    fn appended_under(
        &self,
        state: &State,
        idempotency: &Idempotency,
    ) -> Result<Option<Vec<Appended>>, LookupError> {
        let staged = self
            .keys
            .iter()
            .find(|(staged, _)| staged.key == idempotency.key);
        match staged {
            Some((staged, appended)) => Ok(Some(keys::repeat(
                staged.fingerprint,
                appended,
                idempotency,
            )?)),
            None => Ok(state.keys.get(idempotency)?),
        }
    }

    fn check(&self, state: &State, append: &Append) -> Result<(), Conflict> {
        let (actual, last) = self.head(state, &append.stream);
        if append.expected.allows(actual, last) {
            return Ok(());
        }
        Err(Conflict {
            stream: append.stream.clone(),
            expected: append.expected,
            actual,
        })
    }

    /// Stages an append whose expected version was checked.
    fn stage(
        &mut self,
        state: &State,
        Append {
            stream,
            expected,
            events,
        }: Append,
    ) -> Appended {
        let (before, _) = self.head(state, &stream);
        self.guards
            .entry(stream.clone())
            .or_insert((expected, state.version(&stream)));
        let mut version = before;
        for event in events {
            version = version.plus(1);
            let recorded = RecordedEvent::new(
                event.id,
                stream.clone(),
                version,
                Position::START,
                event.event_type,
                event.payload,
                SystemTime::now(),
            );
            let recorded = recorded.schema_version(event.schema_version);
            self.events.push(recorded.metadata(event.metadata));
        }
        Appended {
            stream,
            before,
            version,
            position: None,
            repeated: false,
        }
    }

    /// Checks that every guard of the transaction still holds.
    pub(super) fn check_guards(&self, state: &State) -> Result<(), CommitError> {
        self.subscriptions.check_guards(state)?;
        self.parking.check_guards(state)?;
        for (stream, (expected, read)) in &self.guards {
            let actual = state.version(stream);
            if actual != *read {
                return Err(Conflict {
                    stream: stream.clone(),
                    expected: *expected,
                    actual,
                }
                .into());
            }
        }
        for (idempotency, _) in &self.keys {
            if state.keys.get(idempotency)?.is_some() {
                return Err(keys::used_concurrently(&idempotency.key).into());
            }
        }
        Ok(self.documents.check_guards(state)?)
    }

    /// Stages an event of another store, with its own version and time.
    pub(super) fn stage_imported(&mut self, event: &RecordedEvent) {
        let mut event = event.clone();
        event.lane = None;
        event.offset = None;
        self.events.push(event);
    }

    /// The event that is staged at a version of a stream.
    pub(super) fn staged_at(&self, stream: &StreamId, version: Version) -> Option<&RecordedEvent> {
        let mut staged = self.events.iter();
        staged.find(|event| event.stream == *stream && event.version == version)
    }

    /// Makes every staged write visible. Cannot fail.
    pub(super) fn apply(self, state: &mut State) {
        state.discarded.extend(self.discarded);
        for operation in self.operations {
            state.record(operation);
        }
        self.subscriptions.apply(state);
        self.parking.apply(state);
        self.documents.apply(state);
        for mut event in self.events {
            let index = state.log.len();
            event.position = Position::new(index as u64 + 1);
            state
                .streams
                .entry(event.stream.clone())
                .or_default()
                .push(index);
            state.log.push(event);
        }
        for (idempotency, mut appended) in self.keys {
            appended.iter_mut().for_each(|one| state.locate(one));
            state.keys.insert(idempotency, appended);
        }
    }
}
