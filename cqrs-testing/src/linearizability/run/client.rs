//! A client: takes its steps one after the other, calls the store, and records the operations.

use std::sync::Arc;

use cqrs_core::{EventId, EventStore, StoreError, Version};

use super::{
    super::{
        history::{Call, Key, Operation, Participant, Stream},
        program::{AppendMethod, ReadFunction, ReadStart, Step, Target, Task},
    },
    last_seen::LastSeen,
    outcomes,
    shared::SharedState,
};

pub(super) struct Client<S> {
    pub(super) store: S,
    pub(super) shared: Arc<SharedState>,
    number: usize,
    seen: LastSeen,
    operations: Vec<Operation>,
}

/// The start and the end of a call.
pub(super) type Times = (usize, usize);

impl<S: EventStore> Client<S> {
    pub(super) fn new(number: usize, store: S, shared: Arc<SharedState>) -> Self {
        Self {
            store,
            seen: LastSeen::nothing_of(shared.streams()),
            shared,
            number,
            operations: Vec::new(),
        }
    }

    /// Waits until all clients have started, then takes its steps.
    pub(super) async fn run(mut self, steps: Vec<Step>) -> Vec<Operation> {
        self.shared.start().await;
        for Step { pause, task } in steps {
            yield_to_others(pause).await;
            match task {
                Task::Read {
                    of,
                    after,
                    function,
                } => self.read(of, after, function).await,
                Task::Lookup { key } => self.lookup(key).await,
                Task::Append { to, key, way } => match way {
                    AppendMethod::Call => self.append(&to, key).await,
                    way => self.transact(&to, key, way, pause).await,
                },
            }
        }
        self.operations
    }

    async fn read(&mut self, of: Stream, after: ReadStart, function: ReadFunction) {
        let after = match after {
            ReadStart::Nothing => Version::EMPTY,
            ReadStart::LastSeen => self.seen.version(of),
        };
        let (times, result) = self.timed(self.events(of, after, function)).await;
        let outcome = match result {
            Ok(events) => outcomes::of_read(&self.shared, events),
            Err(error) => outcomes::of_error(&error),
        };
        let function = match function {
            ReadFunction::ReadStream => "read_stream",
            ReadFunction::Replay => "replay",
        };
        self.record(function, times, Call::Read { of, after, outcome });
    }

    async fn events(
        &self,
        of: Stream,
        after: Version,
        function: ReadFunction,
    ) -> Result<Vec<(Version, EventId)>, StoreError> {
        let stream = self.shared.id(of);
        Ok(match function {
            ReadFunction::ReadStream => {
                let events = self.store.read_stream(stream, after).await?;
                events.iter().map(|one| (one.version, one.id)).collect()
            }
            ReadFunction::Replay => {
                let events = self.store.replay(stream, after).await?;
                events.iter().map(|one| (one.version, one.id)).collect()
            }
        })
    }

    async fn lookup(&mut self, key: Key) {
        let idempotency = self.shared.idempotency(key);
        let (times, result) = self.timed(self.store.appended_under(&idempotency)).await;
        let outcome = outcomes::of_lookup(&self.shared, result);
        self.record("appended_under", times, Call::Lookup { key, outcome });
    }

    async fn append(&mut self, to: &[Target], key: Option<Key>) {
        let to = self.participants(to);
        let mut appends = self.shared.appends(&to, key);
        let (function, times, result) = if key.is_none() && to.len() == 1 {
            let append = appends.streams.remove(0);
            let (times, result) = self.timed(self.store.append(append)).await;
            ("append", times, result.map(|appended| vec![appended]))
        } else {
            let (times, result) = self.timed(self.store.append_all(appends)).await;
            ("append_all", times, result)
        };
        let outcome = outcomes::of_append(&self.shared, result);
        self.record(function, times, Call::Append { to, key, outcome });
    }

    /// The participants of an append, from the versions that this client saw last.
    pub(super) fn participants(&self, to: &[Target]) -> Vec<Participant> {
        let participant = |target: &Target| Participant {
            stream: target.stream,
            expected: self.seen.expected(target.stream, target.expects),
            events: self.shared.new_events(target.events),
        };
        to.iter().map(participant).collect()
    }

    pub(super) async fn timed<T>(&self, call: impl Future<Output = T>) -> (Times, T) {
        let invoked = self.shared.now();
        let result = call.await;
        ((invoked, self.shared.now()), result)
    }

    pub(super) fn record(
        &mut self,
        function: &'static str,
        (invoked, returned): Times,
        call: Call,
    ) {
        self.seen.note(&call);
        self.operations.push(Operation {
            client: self.number,
            function,
            invoked,
            returned,
            call,
        });
    }
}

/// Yields to the other clients this many times.
pub(super) async fn yield_to_others(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}
