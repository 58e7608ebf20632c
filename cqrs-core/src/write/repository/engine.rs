//! Executes one request: decides and appends, and decides again on fresh state after a conflict.

use super::{Executed, Repository, decide::Decide, states::Turn};
use crate::{
    model::{Conflict, Context, ExpectedVersion, Idempotency, RetryPolicy, StreamId, Version},
    ports::{Append, AppendError, Appended, Appends, EventStore, StoreError, StoreErrorKind},
    roles::Aggregate,
    write::{
        attempts::{Attempts, executed_before},
        decision::Decided,
        error::ExecuteError,
        history::History,
        loaded::Loaded,
        request::DecisionInput,
    },
};

/// A request to one aggregate.
pub(super) struct PendingRequest<D> {
    pub(super) stream: StreamId,
    pub(super) decide: D,
    pub(super) input: DecisionInput,
    pub(super) idempotency: Option<Idempotency>,
    /// The version that the caller expects.
    pub(super) expecting: Option<Version>,
}

/// Executes one request.
pub(super) struct Engine<'a, A: Aggregate, S, D> {
    repository: &'a Repository<A, S>,
    request: PendingRequest<D>,
    turn: Turn<A>,
    /// The state of an attempt that ran into a conflict.
    stale: Option<Loaded<A>>,
}

type Outcome<A, T> = Result<T, ExecuteError<<A as Aggregate>::Error>>;

/// The state that a decision was made on. A function may have consumed it.
struct DecidedOn<A> {
    version: Version,
    expected: ExpectedVersion,
    state: Option<Loaded<A>>,
}

enum AttemptResult<A: Aggregate> {
    Done(Executed<A::Event>),
    /// Others wrote to the stream since this state was read.
    Conflict(Option<Loaded<A>>, Conflict),
}

impl<'a, A: Aggregate, S: EventStore, D: Decide<A>> Engine<'a, A, S, D> {
    pub(super) async fn new(repository: &'a Repository<A, S>, request: PendingRequest<D>) -> Self {
        Self {
            turn: repository
                .states
                .turn(&repository.store.turns(), &request.stream)
                .await,
            stale: None,
            repository,
            request,
        }
    }

    pub(super) async fn run(mut self, retry: RetryPolicy) -> Outcome<A, Executed<A::Event>> {
        let mut attempts = Attempts::new(retry, self.request.idempotency.is_some());
        loop {
            match self.attempt().await {
                Ok(executed) => return Ok(executed),
                Err(error) => attempts.retry(error).await?,
            }
        }
    }

    async fn attempt(&mut self) -> Outcome<A, Executed<A::Event>> {
        let (mut current, mut fresh) = self.first_state().await?;
        loop {
            let version = current.version;
            if let Some(expected) = self.outdated(version) {
                if fresh {
                    self.cache(Some(current));
                    return self.not_at(expected, version).await;
                }
                current = self.refresh(Some(current)).await?;
                fresh = true;
                continue;
            }
            let expected = current.expected();
            let context = self.context(version);
            let (state, decided) = self.request.decide.decide(current, context).await;
            let on = DecidedOn {
                version,
                expected,
                state,
            };
            current = match decided {
                // **Invariant**: a decision without events is made on a state that was just read, because no append checks
                // the version of the state.
                Err(_) if !fresh => self.refresh(on.state).await?,
                Ok(decided) if !fresh && decided.is_empty() => self.refresh(on.state).await?,
                Err(rejection) => return self.rejected(on.state, rejection).await,
                Ok(decided) => match self.append(on, decided).await? {
                    AttemptResult::Done(executed) => return Ok(executed),
                    // A stale cached state is not contention and does not count as an attempt.
                    AttemptResult::Conflict(state, _) if !fresh => self.refresh(state).await?,
                    AttemptResult::Conflict(state, conflict) => {
                        self.stale = state;
                        if let Some(expected) = self.outdated(conflict.actual) {
                            return self.not_at(expected, conflict.actual).await;
                        }
                        return Err(ExecuteError::Conflict(conflict));
                    }
                },
            };
            fresh = true;
        }
    }

    /// The state for the first decision, and whether it was just read. If others write to the aggregate as well, the cached
    /// state catches up first: a read costs less than a failed append.
    async fn first_state(&mut self) -> Result<(Loaded<A>, bool), StoreError> {
        let stale = self.stale.take();
        if stale.is_some() || !D::MAY_USE_CACHE {
            return Ok((self.refresh(stale).await?, true));
        }
        match self.turn.take() {
            Some(cached) if !self.turn.is_shared() => Ok((cached, false)),
            cached => Ok((self.refresh(cached).await?, true)),
        }
    }

    /// The version that the caller expects, unless it is this one.
    fn outdated(&self, version: Version) -> Option<Version> {
        let expected = self.request.expecting;
        expected.filter(|expected| *expected != version)
    }

    fn context(&self, version: Version) -> Context {
        Context {
            id: self.request.stream.shared_id(),
            version,
            now: self.request.input.now,
            metadata: self.request.input.metadata.clone(),
        }
    }

    /// The current state: `old` brought up to date, or a full replay without one.
    async fn refresh(&mut self, old: Option<Loaded<A>>) -> Result<Loaded<A>, StoreError> {
        let Some(old) = old else {
            return self.repository.replay(&self.request.stream).await;
        };
        let before = old.version;
        let current = self.repository.refresh(&self.request.stream, old).await?;
        self.turn.note_shared(current.version != before);
        Ok(current)
    }

    async fn append(
        &mut self,
        on: DecidedOn<A>,
        decided: Decided<A>,
    ) -> Outcome<A, AttemptResult<A>> {
        if decided.is_empty() && self.request.idempotency.is_none() {
            self.cache(on.state);
            return Ok(AttemptResult::Done(self.without_events(on.version)));
        }
        let encoded = decided.encode(&self.request.input.metadata)?;
        let append = Append {
            stream: self.request.stream.clone(),
            expected: on.expected,
            events: encoded.new,
        };
        let appends = Appends {
            streams: vec![append],
            idempotency: self.request.idempotency.clone(),
        };
        let appended = match self.repository.store.append_all(appends).await {
            Ok(appended) => one(appended)?,
            Err(AppendError::Conflict(conflict)) => {
                return Ok(AttemptResult::Conflict(on.state, conflict));
            }
            Err(error) => return Err(error.into()),
        };
        if appended.repeated {
            self.cache(on.state);
            return Ok(AttemptResult::Done(self.first_result(appended).await?));
        }
        // Not before the append: a conflict continues with the state before these events, and without it would replay all.
        // A decision that consumed its state may have left an equal one in the cache.
        let decided_on = on.state.or_else(|| self.turn.take_at(on.expected));
        if let Some(mut state) = decided_on {
            state.advance(appended.version, encoded.decoded);
            self.repository
                .snapshot_if_due(&self.request.stream, on.version, &state);
            self.turn.put(state);
        }
        Ok(AttemptResult::Done(Executed::new(
            appended,
            decided.into_events(),
        )))
    }

    fn cache(&mut self, state: Option<Loaded<A>>) {
        if let Some(state) = state {
            self.turn.put(state);
        }
    }

    fn without_events(&self, version: Version) -> Executed<A::Event> {
        Executed {
            stream: self.request.stream.clone(),
            version,
            position: None,
            events: Vec::new(),
            repeated: false,
        }
    }

    async fn rejected(
        &mut self,
        state: Option<Loaded<A>>,
        rejection: A::Error,
    ) -> Outcome<A, Executed<A::Event>> {
        self.cache(state);
        self.unless_executed_before(ExecuteError::Rejected(rejection))
            .await
    }

    /// The aggregate is at another version than the caller expects. No retry changes that.
    async fn not_at(
        &mut self,
        expected: Version,
        actual: Version,
    ) -> Outcome<A, Executed<A::Event>> {
        let stream = self.request.stream.clone();
        let conflict = Conflict::new(stream, ExpectedVersion::Exact(expected), actual);
        self.unless_executed_before(ExecuteError::Outdated(conflict))
            .await
    }

    /// The result of the request's first execution, which may itself be the reason for the error. Otherwise the error.
    async fn unless_executed_before(
        &mut self,
        error: ExecuteError<A::Error>,
    ) -> Outcome<A, Executed<A::Event>> {
        let idempotency = self.request.idempotency.as_ref();
        match executed_before(&self.repository.store, idempotency).await? {
            Some(appended) => self.first_result(one(appended)?).await,
            None => Err(error),
        }
    }

    /// The result of the request's first execution.
    async fn first_result(&mut self, appended: Appended) -> Outcome<A, Executed<A::Event>> {
        let stream = &self.request.stream;
        let store = &self.repository.store;
        let history = History::read::<A::Event>(store, stream, appended.before).await?;
        let own = appended.version.get().saturating_sub(appended.before.get());
        let own = usize::try_from(own).unwrap_or(usize::MAX);
        let mut events = Vec::new();
        for past in history.decoded::<A::Event>(stream).take(own) {
            events.extend(past?.events);
        }
        Ok(Executed::new(appended, events))
    }
}

fn one(appended: Vec<Appended>) -> Result<Appended, StoreError> {
    appended.into_iter().next().ok_or_else(|| {
        let message = "the store returned no result for an append";
        StoreError::new(StoreErrorKind::Other, message)
    })
}
