//! Decides, appends, and decides again on fresh state after a conflict.

use std::time::SystemTime;

use super::{ExecuteError, Executed, Loaded, Repository, loaded::read, states::Turn};
use crate::{
    model::{Conflict, Context, EventId, Idempotency, Metadata, NewEvent, RetryPolicy, StreamId},
    ports::{Append, Appended, Appends, EventStore, StoreError, StoreErrorKind, WriteError},
    roles::Aggregate,
};

/// A command with everything that belongs to it.
pub(super) struct Order<A: Aggregate> {
    pub(super) stream: StreamId,
    pub(super) command: A::Command,
    pub(super) now: SystemTime,
    pub(super) metadata: Metadata,
    pub(super) idempotency: Option<Idempotency>,
    pub(super) retry: RetryPolicy,
}

/// The attempts at one command.
pub(super) struct Attempts<'a, A: Aggregate, S> {
    repository: &'a Repository<A, S>,
    order: Order<A>,
    turn: Turn<A>,
    failures: u32,
    /// An attempt may have been stored, and no answer since has told.
    unknown: Option<StoreError>,
}

type Outcome<A, T> = Result<T, ExecuteError<<A as Aggregate>::Error>>;

enum Step<A: Aggregate> {
    Done(Executed<A::Event>),
    /// Others were faster than this state.
    Behind(Loaded<A>, Conflict),
}

impl<'a, A: Aggregate, S: EventStore> Attempts<'a, A, S> {
    pub(super) async fn begin(repository: &'a Repository<A, S>, order: Order<A>) -> Self {
        Self {
            turn: repository.states.turn(&order.stream).await,
            repository,
            order,
            failures: 0,
            unknown: None,
        }
    }

    pub(super) async fn run(mut self) -> Outcome<A, Executed<A::Event>> {
        loop {
            match self.decide().await {
                Err(ExecuteError::Store(error)) => self.settle(error).await?,
                outcome => return outcome,
            }
        }
    }

    async fn decide(&mut self) -> Outcome<A, Executed<A::Event>> {
        let (mut current, mut fresh) = self.first_state().await?;
        loop {
            let command = self.order.command.clone();
            current = match current.state.handle(command, &self.context(&current)) {
                // **Invariant**: nothing guards a decision that appends nothing, so it is made on what was just read.
                Err(_) if !fresh => self.refresh(current).await?,
                Ok(events) if !fresh && events.is_empty() => self.refresh(current).await?,
                Err(refusal) => return self.refuse(current, refusal).await,
                Ok(events) => match self.append(current, events).await? {
                    Step::Done(executed) => return Ok(executed),
                    Step::Behind(behind, conflict) => {
                        // A state that was kept since yesterday is no contention.
                        if fresh && !self.pause().await {
                            return Err(ExecuteError::Conflict(conflict));
                        }
                        self.refresh(behind).await?
                    }
                },
            };
            fresh = true;
        }
    }

    /// The state to decide on first, and whether it was just read. Of an aggregate that others were found to write to as
    /// well, a kept state catches up before: to read costs less than to append in vain.
    async fn first_state(&mut self) -> Result<(Loaded<A>, bool), StoreError> {
        match self.turn.take() {
            None => Ok((self.repository.replay(&self.order.stream).await?, true)),
            Some(kept) if !self.turn.is_shared() => Ok((kept, false)),
            Some(kept) => Ok((self.refresh(kept).await?, true)),
        }
    }

    fn context(&self, current: &Loaded<A>) -> Context {
        Context {
            id: self.order.stream.shared_id(),
            version: current.version,
            now: self.order.now,
            metadata: self.order.metadata.clone(),
        }
    }

    async fn refresh(&mut self, old: Loaded<A>) -> Result<Loaded<A>, StoreError> {
        let before = old.version;
        let current = self.repository.refresh(&self.order.stream, old).await?;
        self.turn.note_shared(current.version != before);
        Ok(current)
    }

    async fn append(
        &mut self,
        mut current: Loaded<A>,
        events: Vec<A::Event>,
    ) -> Outcome<A, Step<A>> {
        if events.is_empty() && self.order.idempotency.is_none() {
            let version = current.version;
            self.turn.keep(current);
            return Ok(Step::Done(Executed {
                version,
                position: None,
                events,
            }));
        }
        let (new, read) = encode(&events, &self.order.metadata)?;
        let append = Append {
            stream: self.order.stream.clone(),
            expected: current.expected(),
            events: new,
        };
        let appends = Appends {
            streams: vec![append],
            idempotency: self.order.idempotency.clone(),
        };
        let appended = match self.repository.store.append_all(appends).await {
            Ok(appended) => one(appended)?,
            Err(WriteError::Conflict(conflict)) => return Ok(Step::Behind(current, conflict)),
            Err(error) => return Err(error.into()),
        };
        if appended.repeated {
            self.turn.keep(current);
            return Ok(Step::Done(self.first_answer(&appended).await?));
        }
        let before = current.version;
        current.advance(appended.version, read);
        self.repository.note(&self.order.stream, before, &current);
        self.turn.keep(current);
        Ok(Step::Done(Executed {
            version: appended.version,
            position: appended.position,
            events,
        }))
    }

    /// **Invariant**: a refusal is believed only if the command has not been done before: its own first attempt may be what
    /// it is refused for.
    async fn refuse(
        &mut self,
        current: Loaded<A>,
        refusal: A::Error,
    ) -> Outcome<A, Executed<A::Event>> {
        self.turn.keep(current);
        let Some(idempotency) = &self.order.idempotency else {
            return Err(ExecuteError::Rejected(refusal));
        };
        match self.repository.store.appended_under(idempotency).await? {
            Some(appended) => self.first_answer(&one(appended)?).await,
            None => Err(ExecuteError::Rejected(refusal)),
        }
    }

    /// What the command has answered when it was done.
    async fn first_answer(&self, appended: &Appended) -> Outcome<A, Executed<A::Event>> {
        let stream = &self.order.stream;
        let past = self
            .repository
            .store
            .replay(stream, appended.before)
            .await?;
        let own = past
            .iter()
            .take_while(|past| past.version <= appended.version);
        let events = own.map(|past| read::<A>(stream, past));
        Ok(Executed {
            version: appended.version,
            position: appended.position,
            events: events.collect::<Result<_, _>>()?,
        })
    }

    /// Waits for another attempt: under a key it tells what became of one whose outcome is unknown.
    ///
    /// **Invariant**: an error never says that nothing was stored while an attempt may have been.
    async fn settle(&mut self, error: StoreError) -> Outcome<A, ()> {
        let lost = error.kind() == StoreErrorKind::OutcomeUnknown;
        let later = self.unknown.is_some() && error.is_retryable();
        let error = self.unknown.take().unwrap_or(error);
        let settles = self.order.idempotency.is_some() && (lost || later);
        if !settles || !self.pause().await {
            return Err(ExecuteError::Store(error));
        }
        self.unknown = Some(error);
        Ok(())
    }

    /// Waits before the next attempt; says no when there is to be none.
    async fn pause(&mut self) -> bool {
        self.failures += 1;
        let Some(wait) = self.order.retry.wait(self.failures) else {
            return false;
        };
        tokio::time::sleep(wait).await;
        true
    }
}

/// The events to store, and each as every reader will have it.
fn encode<E: crate::model::Event>(
    events: &[E],
    metadata: &Metadata,
) -> Result<(Vec<NewEvent>, Vec<(EventId, E)>), StoreError> {
    let (mut new, mut read) = (
        Vec::with_capacity(events.len()),
        Vec::with_capacity(events.len()),
    );
    for event in events {
        let (encoded, event) = NewEvent::encode_and_read(event, metadata.clone())?;
        read.push((encoded.id, event));
        new.push(encoded);
    }
    Ok((new, read))
}

fn one(appended: Vec<Appended>) -> Result<Appended, StoreError> {
    appended.into_iter().next().ok_or_else(|| {
        let message = "the store answered an append with nothing";
        StoreError::new(StoreErrorKind::Other, message)
    })
}
