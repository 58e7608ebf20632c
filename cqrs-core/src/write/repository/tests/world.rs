//! Several repositories on one store, and a model that they must agree with.

use super::{
    model::{CommandResult, Failure, Model},
    scripted::{Fault, Scripted},
    tally::{Odd, Tally, TallyCommand, TallyEvent},
};
use crate::{
    memory::MemoryEventStore,
    model::{
        Context, ExpectedVersion, Idempotency, IdempotencyKey, Metadata, NewEvent, RecordedEvent,
        StreamId, Version,
    },
    ports::{Append, EventStore, Snapshot, StoreError, StoreErrorKind},
    roles::Aggregate,
    write::{
        CommandStore, ExecuteError,
        repository::{Executed, Loaded, Repository, SnapshotPolicy},
    },
};

pub(super) type Outcome = Result<Executed<TallyEvent>, ExecuteError<Odd>>;
pub(super) type Tallies = Repository<Tally, Scripted>;

/// The number of repositories in a world.
pub(super) const REPOSITORIES: usize = 4;

pub(super) struct World {
    pub(super) store: Scripted,
    pub(super) stream: StreamId,
    /// One with a cache, one with snapshots, one with both; and one with neither, which decides by a function.
    pub(super) repositories: [Tallies; REPOSITORIES],
    model: Model,
    /// All snapshots that were found in the store.
    pub(super) snapshots: Vec<Snapshot>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let store = Scripted::default();
        store.pause(3, Some(seed));
        let tallies = || store.repository();
        Self {
            repositories: [
                tallies(),
                tallies().cache(0).snapshots(SnapshotPolicy::on_demand()),
                tallies().snapshots(SnapshotPolicy::every(3)),
                tallies().cache(0),
            ],
            store,
            stream: StreamId::of::<TallyEvent>("one").expect("valid"),
            model: Model::default(),
            snapshots: Vec::new(),
        }
    }

    /// Executes a command while calls of the store fail.
    pub(super) async fn execute(
        &mut self,
        by: usize,
        command: TallyCommand,
        key: Option<u8>,
        faults: &[Fault],
    ) {
        self.store.fail(faults.iter().copied());
        let outcome = self.command(by, command, key).await;
        self.store.fail([]);
        let now = self.events().await;
        let mut after = self.model.clone();
        let expected = after.execute(command, key);
        match self.command_result(outcome).await {
            Ok(result) => {
                assert_eq!(result, expected);
                self.model = after;
            }
            Err(error) if error.kind() == StoreErrorKind::OutcomeUnknown => {
                assert_eq!(key, None, "with a key the outcome becomes known");
                if now == after.events {
                    self.model = after;
                }
            }
            Err(error) => {
                assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}");
            }
        }
        // Unless the outcome is unknown, an error means that nothing was stored.
        assert_eq!(now, self.model.events);
    }

    async fn command(&self, by: usize, command: TallyCommand, key: Option<u8>) -> Outcome {
        let tallies = &self.repositories[by];
        if by < REPOSITORIES - 1 {
            return execute(tallies, command, key).await;
        }
        let decide = async |state: Tally, context: Context| {
            tokio::task::yield_now().await;
            state.handle(command, &context)
        };
        let decision = tallies.decide("one", decide);
        match key {
            Some(key) => decision.idempotency_key(name(key), command).await,
            None => decision.await,
        }
    }

    /// Updates the model after a command with an unknown outcome.
    pub(super) async fn adopt(&mut self, command: TallyCommand, key: Option<u8>) {
        let now = self.events().await;
        let mut after = self.model.clone();
        drop(after.execute(command, key));
        if now == after.events && self.remembers(command, key).await {
            self.model = after;
        }
        assert_eq!(now, self.model.events);
    }

    async fn remembers(&self, command: TallyCommand, key: Option<u8>) -> bool {
        let Some(key) = key else {
            return true;
        };
        let key = IdempotencyKey::new(name(key)).expect("valid");
        let idempotency = Idempotency::of(key, &self.stream, &command).expect("JSON");
        let appended = self.store.log().appended_under(&idempotency).await;
        appended.expect("looks it up").is_some()
    }

    /// Executes two commands concurrently; the results must be those of one order of the two.
    pub(super) async fn race(
        &mut self,
        by: [usize; 2],
        commands: [TallyCommand; 2],
        key: Option<u8>,
    ) {
        let [first, second] = [0, 1].map(|n| self.command(by[n], commands[n], key));
        let (first, second) = tokio::join!(first, second);
        let actual = [
            no_failure(self.command_result(first).await),
            no_failure(self.command_result(second).await),
        ];
        let now = self.events().await;
        let orders = [false, true].map(|other_way| {
            let mut model = self.model.clone();
            let mut commands = commands;
            if other_way {
                commands.reverse();
            }
            let mut results = commands.map(|command| model.execute(command, key));
            if other_way {
                results.reverse();
            }
            (model, results)
        });
        let agrees = |(model, results): &&(Model, [CommandResult; 2])| {
            *results == actual && model.events == now
        };
        let order = orders.iter().find(agrees);
        let (model, _) =
            order.unwrap_or_else(|| panic!("{actual:?} and {now:?} are neither of {orders:?}"));
        self.model = model.clone();
    }

    /// Replaces the log with one that has the same beginning.
    pub(super) async fn restore(
        &mut self,
        keep: usize,
        others: Vec<TallyCommand>,
        same_length: bool,
    ) {
        let recorded = self.recorded().await;
        let keep = keep.min(recorded.len());
        let mut model = Model::of(self.model.events[..keep].to_vec());
        for command in others {
            drop(model.execute(command, None));
        }
        while same_length && model.events.len() < recorded.len() {
            drop(model.execute(TallyCommand::Add(7), None));
        }
        if same_length {
            model.events.truncate(recorded.len());
        }
        let mut events: Vec<_> = model.events.iter().map(encoded).collect();
        for (event, kept) in events.iter_mut().zip(&recorded[..keep]) {
            event.id = kept.id;
        }
        let restored = MemoryEventStore::default();
        let append = Append {
            stream: self.stream.clone(),
            expected: ExpectedVersion::NoStream,
            events,
        };
        restored.append(append).await.expect("appends");
        self.store.restore(restored);
        self.model = model;
    }

    /// Checks that every repository loads the state of a plain replay.
    pub(super) async fn check(&mut self) {
        let recorded = self.recorded().await;
        let expected = Loaded {
            state: self.model.state(),
            version: Version::new(recorded.len() as u64),
            last_event: recorded.last().map(|event| event.id),
        };
        for repository in &self.repositories {
            assert_eq!(repository.load("one").await.expect("loads"), expected);
        }
        self.remember_snapshot();
    }

    pub(super) async fn take_snapshot(&mut self, by: usize) {
        let taken = self.repositories[by].take_snapshot("one").await;
        assert_eq!(
            taken.expect("takes one").get(),
            self.model.events.len() as u64
        );
        self.remember_snapshot();
    }

    fn remember_snapshot(&mut self) {
        self.snapshots.extend(self.store.snapshot(&self.stream));
    }

    pub(super) async fn recorded(&self) -> Vec<RecordedEvent> {
        let log = self.store.log();
        let recorded = log.read_stream(&self.stream, Version::EMPTY).await;
        recorded.expect("reads")
    }

    async fn events(&self) -> Vec<TallyEvent> {
        self.recorded().await.iter().map(decoded).collect()
    }

    /// The outcome in the model's terms. Checks that the position is that of the last event. Conflicts never exhaust the
    /// attempts.
    async fn command_result(&self, outcome: Outcome) -> Result<CommandResult, StoreError> {
        match outcome {
            Ok(executed) => {
                let recorded = self.recorded().await;
                let own = recorded
                    .iter()
                    .rfind(|event| event.version == executed.version);
                let own = own.filter(|_| !executed.events.is_empty());
                assert_eq!(executed.position, own.map(|event| event.position));
                Ok(Ok((executed.version.get(), executed.events)))
            }
            Err(ExecuteError::Rejected(odd)) => Ok(Err(Failure::Odd(odd))),
            Err(ExecuteError::KeyReused(_)) => Ok(Err(Failure::KeyReused)),
            Err(ExecuteError::Store(error)) => Err(error),
            Err(ExecuteError::Conflict(conflict) | ExecuteError::Outdated(conflict)) => {
                panic!("given up: {conflict}")
            }
        }
    }
}

pub(super) async fn execute(tallies: &Tallies, command: TallyCommand, key: Option<u8>) -> Outcome {
    let request = tallies.execute("one", command);
    match key {
        Some(key) => request.idempotency_key(name(key)).await,
        None => request.await,
    }
}

fn name(key: u8) -> String {
    format!("key {key}")
}

fn no_failure(result: Result<CommandResult, StoreError>) -> CommandResult {
    result.unwrap_or_else(|error| panic!("no call fails: {error}"))
}

fn encoded(event: &TallyEvent) -> NewEvent {
    NewEvent::encode(event, Metadata::default()).expect("encodes")
}

fn decoded(recorded: &RecordedEvent) -> TallyEvent {
    let decoded = <TallyEvent as crate::roles::Events>::decode(recorded).expect("decodes");
    decoded.into_iter().next().expect("one event")
}
