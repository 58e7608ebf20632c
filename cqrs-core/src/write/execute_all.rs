//! Commands to several aggregates, all or none.

use std::{fmt, pin::Pin};

use crate::{
    codec::CodecError,
    model::{Idempotency, IdempotencyKey, Position, RetryPolicy, Version},
    ports::{Appended, Appends, EventStore, StoreError, at_most_a_second},
    roles::{Commands, CommandsJson, Rejection, SerializableCommands},
    write::{
        attempts::{Attempts, executed_before},
        error::ExecuteError,
        history::History,
        participants::{self, NotDecided, Participants, Targets},
        request::{DecisionInput, Request, RequestKey, request_options},
    },
};

/// The result of commands to several aggregates.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(Debug, Default)] struct Account { cents: u64 }
/// # impl Aggregate for Account {
/// #     type Command = u64; type Event = AccountEvent; type Error = std::convert::Infallible;
/// #     fn handle(&self, cents: u64, _: &Context) -> Decision<Self> { Ok(vec![AccountEvent::Deposited { cents }]) }
/// #     fn apply(&mut self, AccountEvent::Deposited { cents }: AccountEvent) { self.cents += cents }
/// # }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// let done = store.execute_all([To::<Account>::new("ann", 200), To::new("bob", 300)]).await?;
/// assert_eq!(done.streams.len(), 2);
/// assert_eq!(done.streams[0].version, Version::new(1));
/// assert_eq!(done.position(), Some(Position::new(2)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExecutedAll {
    /// The append to each stream, ordered by stream. Without an idempotency key, empty when no command resulted in an event.
    /// Always empty without commands.
    pub streams: Vec<Appended>,
    /// `true`: the request was executed earlier under its key and not again; `streams` is the earlier result.
    pub repeated: bool,
}

impl ExecutedAll {
    /// The position of the last event; `None` when there was none.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.streams
            .iter()
            .filter_map(|stream| stream.position)
            .max()
    }

    fn new(streams: Vec<Appended>) -> Self {
        Self {
            repeated: streams.iter().any(|stream| stream.repeated),
            streams,
        }
    }
}

impl From<&ExecutedAll> for Position {
    /// The position for a view to wait for: [`START`](Position::START) without events.
    fn from(executed: &ExecutedAll) -> Self {
        executed.position().unwrap_or_default()
    }
}

/// A request to several aggregates. It does nothing until it is awaited.
#[must_use = "commands do nothing until they are awaited"]
pub struct ExecuteAll<'a, S, C> {
    store: &'a S,
    commands: C,
    request: Request,
    key: Option<RequestKey<Fingerprint<C>>>,
}

/// Computes the fingerprint. Needs commands that can be serialized.
type Fingerprint<C> = fn(IdempotencyKey, &C) -> Result<Idempotency, CodecError>;

fn fingerprint<C: SerializableCommands>(
    key: IdempotencyKey,
    commands: &C,
) -> Result<Idempotency, CodecError> {
    let mut request = CommandsJson::default();
    commands.write(&mut request)?;
    Idempotency::of_request(key, &request)
}

impl<S, C> fmt::Debug for ExecuteAll<'_, S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecuteAll")
            .field("request", &self.request)
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl<'a, S, C> ExecuteAll<'a, S, C> {
    pub(crate) fn new(store: &'a S, commands: C) -> Self {
        Self {
            store,
            commands,
            request: Request::new(RetryPolicy::default()),
            key: None,
        }
    }

    request_options!();

    /// Executes the request at most once under this key, which identifies it in the whole store. A repeat has no effect and
    /// returns the first result. The same key with other commands is [`ExecuteError::KeyReused`]. A request without any
    /// command does nothing and leaves its key unused.
    ///
    /// When a broken connection leaves the outcome unknown, the request is retried: the key makes that safe.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self
    where
        C: SerializableCommands,
    {
        self.key = Some(RequestKey::new(key, fingerprint::<C> as Fingerprint<C>));
        self
    }
}

impl<S: EventStore, C: Commands> ExecuteAll<'_, S, C> {
    async fn run(self) -> Result<ExecutedAll, ExecuteError<Rejection>> {
        let evaluate = |key: RequestKey<Fingerprint<C>>| {
            key.evaluate(|fingerprint, key| fingerprint(key, &self.commands))
        };
        let idempotency = self.key.map(evaluate).transpose()?;
        let request = Prepared {
            store: self.store,
            targets: participants::targets(&self.commands).map_err(StoreError::from)?,
            commands: self.commands,
            input: self.request.input(self.store.size_limits()),
            idempotency,
        };
        request.run(self.request.retry).await
    }
}

/// The parts of a request that all its attempts share.
struct Prepared<'a, S, C> {
    store: &'a S,
    commands: C,
    targets: Targets,
    input: DecisionInput,
    idempotency: Option<Idempotency>,
}

impl<S: EventStore, C: Commands> Prepared<'_, S, C> {
    async fn run(self, retry: RetryPolicy) -> Result<ExecutedAll, ExecuteError<Rejection>> {
        let turns = self.store.turns();
        // A checked aggregate takes no turn: many requests may check the same one at the same time.
        let _turns = at_most_a_second(turns.all(&self.targets.commanded)).await;
        let mut attempts = Attempts::new(retry, self.idempotency.is_some());
        loop {
            match self.attempt().await {
                Ok(executed) => return Ok(executed),
                Err(error) => attempts.retry(error).await?,
            }
        }
    }

    /// Reads the streams in one call, decides, and appends in one call.
    async fn attempt(&self) -> Result<ExecutedAll, ExecuteError<Rejection>> {
        let mut participants = self.read().await?;
        match participants.decide(&self.commands, &self.input) {
            Ok(()) => {}
            Err(NotDecided::Store(error)) => return Err(error.into()),
            Err(NotDecided::Rejected(rejection)) => return self.rejected(rejection).await,
        }
        if participants.unchanged() && self.idempotency.is_none() {
            return Ok(ExecutedAll::new(Vec::new()));
        }
        let mut appends = Appends::from(participants.into_appends());
        appends.idempotency.clone_from(&self.idempotency);
        Ok(ExecutedAll::new(self.store.append_all(appends).await?))
    }

    async fn read(&self) -> Result<Participants, StoreError> {
        let streams: Vec<_> = self.targets.all.iter().cloned().collect();
        let histories = self.store.replay_all(&streams).await?;
        let mut participants = Participants::default();
        for (stream, history) in streams.into_iter().zip(histories) {
            let history = if self.targets.read_whole.contains(&stream) {
                self.store
                    .read_stream(&stream, Version::EMPTY)
                    .await?
                    .into()
            } else {
                History::from(history)
            };
            participants.add(stream, history);
        }
        Ok(participants)
    }

    async fn rejected(&self, rejection: Rejection) -> Result<ExecutedAll, ExecuteError<Rejection>> {
        match executed_before(self.store, self.idempotency.as_ref()).await? {
            Some(appended) => Ok(ExecutedAll::new(appended)),
            None => Err(ExecuteError::Rejected(rejection)),
        }
    }
}

impl<'a, S: EventStore, C: Commands> IntoFuture for ExecuteAll<'a, S, C> {
    type Output = Result<ExecutedAll, ExecuteError<Rejection>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
