//! A request to one aggregate: a builder that can be awaited.

use std::{fmt, pin::Pin};

use serde::Serialize;

use super::{
    Executed, Repository,
    decide::{ByCommand, ByFunction, Decide},
    engine::{Engine, PendingRequest},
};
use crate::{
    codec::CodecError,
    model::{Idempotency, IdempotencyKey, InvalidName, StreamId, Version},
    ports::{EventStore, StoreError},
    roles::Aggregate,
    write::{
        error::ExecuteError,
        request::{Request, RequestKey, request_options},
    },
};

/// A request to one aggregate: a command, or a decision with I/O. It does nothing until it is awaited.
///
/// ```
/// # use cqrs_core::prelude::*;
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[derive(Default, serde::Serialize, serde::Deserialize)] struct Account { cents: u64 }
/// # impl Aggregate for Account {
/// #     type Command = u64; type Event = AccountEvent; type Error = std::convert::Infallible;
/// #     fn handle(&self, cents: u64, _: &Context) -> Decision<Self> { Ok(vec![AccountEvent::Deposited { cents }]) }
/// #     fn apply(&mut self, AccountEvent::Deposited { cents }: AccountEvent) { self.cents += cents }
/// # }
/// # async fn answer(accounts: Repository<Account, MemoryEventStore>, cause: Envelope<AccountEvent>)
/// #     -> Result<(), Box<dyn std::error::Error>> {
/// let deposit = accounts
///     .execute("ann", 500)
///     .idempotency_key("invoice 17") // sent twice, done once
///     .caused_by(&cause) // continues its conversation and trace
///     .retry(RetryPolicy::NEVER); // a conflict is returned at once
/// let done = deposit.await?;
/// println!("version {}, done before: {}", done.version, done.repeated);
/// # Ok(())
/// # }
/// ```
#[must_use = "a request does nothing until it is awaited"]
pub struct Execute<'a, A: Aggregate, S, D = ByCommand<A>> {
    repository: &'a Repository<A, S>,
    stream: Result<StreamId, InvalidName>,
    decide: D,
    request: Request,
    key: Option<RequestKey<Fingerprint<D>>>,
    expecting: Option<Version>,
}

/// Computes the fingerprint of the request under a key.
type Fingerprint<D> =
    Box<dyn FnOnce(IdempotencyKey, &StreamId, &D) -> Result<Idempotency, CodecError> + Send>;

impl<A: Aggregate, S, D> fmt::Debug for Execute<'_, A, S, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Execute")
            .field("stream", &self.stream)
            .field("request", &self.request)
            .field("key", &self.key)
            .field("expecting", &self.expecting)
            .finish_non_exhaustive()
    }
}

impl<'a, A: Aggregate, S, D> Execute<'a, A, S, D> {
    pub(super) fn new(
        repository: &'a Repository<A, S>,
        stream: Result<StreamId, InvalidName>,
        decide: D,
    ) -> Self {
        Self {
            repository,
            stream,
            decide,
            request: Request::new(repository.retry),
            key: None,
            expecting: None,
        }
    }

    request_options!();

    /// Decides only if the aggregate is at this version, with [`Version::EMPTY`] only if it has no events: the caller saw that
    /// state, and an answer to another one would surprise. Otherwise nothing is written, nothing is retried, and the error is
    /// [`ExecuteError::Outdated`]. A web handler passes on the `If-Match` of its request.
    ///
    /// A repeat under an idempotency key returns the first result, although the aggregate has gone on since.
    ///
    /// ```
    /// # use cqrs_core::prelude::*;
    /// # #[derive(Debug, serde::Serialize, serde::Deserialize)] enum NoteEvent { Written { text: String } }
    /// # impl Event for NoteEvent { const CATEGORY: &'static str = "note"; }
    /// # #[derive(Debug, Default)] struct Note;
    /// # impl Aggregate for Note {
    /// #     type Command = String; type Event = NoteEvent; type Error = std::convert::Infallible;
    /// #     fn handle(&self, text: String, _: &Context) -> Decision<Self> { Ok(vec![NoteEvent::Written { text }]) }
    /// #     fn apply(&mut self, _: NoteEvent) {}
    /// # }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let notes = MemoryEventStore::default().repository::<Note>();
    /// let seen = notes.load("n-1").await?.version;
    /// notes.execute("n-1", "by ann".to_owned()).expecting(seen).await?;
    /// // Bob saw the same version, and would overwrite what Ann has written since.
    /// match notes.execute("n-1", "by bob".to_owned()).expecting(seen).await {
    ///     Err(ExecuteError::Outdated(conflict)) => println!("look again: version {}", conflict.actual),
    ///     other => panic!("{other:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn expecting(mut self, version: Version) -> Self {
        self.expecting = Some(version);
        self
    }
}

impl<A: Aggregate, S> Execute<'_, A, S> {
    /// Executes the command at most once under this key, which identifies it in the whole store. A repeat has no effect and
    /// returns the first result, also when the reply to the first execution was lost. The same key with another command or
    /// another aggregate is [`ExecuteError::KeyReused`]. The store keeps keys for its retention time.
    ///
    /// When a broken connection leaves the outcome unknown, the command is retried: the key makes that safe.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self
    where
        A::Command: Serialize,
    {
        let fingerprint =
            |key, stream: &StreamId, by: &ByCommand<A>| Idempotency::of(key, stream, &by.0);
        self.key = Some(RequestKey::new(key, Box::new(fingerprint)));
        self
    }
}

impl<A: Aggregate, S, F> Execute<'_, A, S, ByFunction<F>> {
    /// Makes the decision at most once under this key, as for a command. `request` identifies the decision: the same key with
    /// another `request` is [`ExecuteError::KeyReused`].
    pub fn idempotency_key<R>(mut self, key: impl Into<String>, request: R) -> Self
    where
        R: Serialize + Send + 'static,
    {
        let fingerprint =
            move |key, stream: &StreamId, _: &ByFunction<F>| Idempotency::of(key, stream, &request);
        self.key = Some(RequestKey::new(key, Box::new(fingerprint)));
        self
    }
}

impl<A: Aggregate, S: EventStore, D: Decide<A>> Execute<'_, A, S, D> {
    async fn run(self) -> Result<Executed<A::Event>, ExecuteError<A::Error>> {
        let stream = self.stream.map_err(StoreError::from)?;
        let evaluate = |key: RequestKey<Fingerprint<D>>| {
            key.evaluate(|fingerprint, key| fingerprint(key, &stream, &self.decide))
        };
        let idempotency = self.key.map(evaluate).transpose()?;
        let request = PendingRequest {
            stream,
            decide: self.decide,
            input: self.request.input(self.repository.store.size_limits()),
            idempotency,
            expecting: self.expecting,
        };
        let engine = Engine::new(self.repository, request).await;
        engine.run(self.request.retry).await
    }
}

impl<'a, A: Aggregate, S: EventStore, D: Decide<A> + 'a> IntoFuture for Execute<'a, A, S, D> {
    type Output = Result<Executed<A::Event>, ExecuteError<A::Error>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
