//! A command on its way: a builder that is a future.

use std::{fmt, pin::Pin, time::SystemTime};

use serde::Serialize;

use super::{
    ExecuteError, Executed, Repository,
    attempts::{Attempts, Order},
};
use crate::{
    model::{Envelope, Idempotency, IdempotencyKey, InvalidName, Metadata, RetryPolicy, StreamId},
    ports::{EventStore, StoreError},
    roles::Aggregate,
};

/// A command on its way to an aggregate. Nothing happens until it is awaited.
#[must_use = "a command does nothing until it is awaited"]
pub struct Execute<'a, A: Aggregate, S> {
    repository: &'a Repository<A, S>,
    stream: Result<StreamId, InvalidName>,
    command: A::Command,
    now: Option<SystemTime>,
    metadata: Metadata,
    /// Made when it is awaited, and not at once: then its error has somewhere to go.
    idempotency: Option<(String, Fingerprint<A>)>,
    retry: RetryPolicy,
}

/// Only a command that can be written has a fingerprint.
type Fingerprint<A> = fn(
    IdempotencyKey,
    &StreamId,
    &<A as Aggregate>::Command,
) -> Result<Idempotency, crate::codec::CodecError>;

impl<A: Aggregate<Command: fmt::Debug>, S> fmt::Debug for Execute<'_, A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            repository: _,
            stream,
            command,
            now,
            metadata,
            idempotency,
            retry,
        } = self;
        let mut out = f.debug_struct("Execute");
        out.field("stream", stream)
            .field("command", command)
            .field("now", now);
        out.field("metadata", metadata)
            .field("key", &idempotency.as_ref().map(|(key, _)| key))
            .field("retry", retry)
            .finish()
    }
}

impl<'a, A: Aggregate, S> Execute<'a, A, S> {
    pub(super) fn new(
        repository: &'a Repository<A, S>,
        stream: Result<StreamId, InvalidName>,
        command: A::Command,
    ) -> Self {
        let (metadata, retry) = (Metadata::default(), repository.retry);
        Self {
            repository,
            stream,
            command,
            now: None,
            metadata,
            idempotency: None,
            retry,
        }
    }

    /// Does the command at most once under this key, which names it in the whole store: sent again it has no further effect
    /// and answers what it answered first, also when the first answer was lost on its way. A key that was used for another
    /// command or another aggregate is [`ExecuteError::KeyReused`]. Keys are remembered for as long as the store says.
    ///
    /// A command whose outcome a broken connection left unknown is tried again by itself, since the key makes that safe.
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self
    where
        A::Command: Serialize,
    {
        self.idempotency = Some((key.into(), Idempotency::of::<A::Command>));
        self
    }

    /// Names the event that this command follows from: its events carry on the conversation and the trace.
    pub fn caused_by<E>(mut self, event: &Envelope<E>) -> Self {
        self.metadata = Metadata::caused_by(&event.recorded);
        self
    }

    /// Names the conversation that the command belongs to.
    pub fn correlation_id(mut self, id: impl Into<String>) -> Self {
        self.metadata.correlation_id = Some(id.into());
        self
    }

    /// The W3C trace context that the events are to carry.
    pub fn traceparent(mut self, traceparent: impl Into<String>) -> Self {
        self.metadata.traceparent = Some(traceparent.into());
        self
    }

    /// The command's time, instead of the clock's.
    pub fn at(mut self, now: SystemTime) -> Self {
        self.now = Some(now);
        self
    }

    /// How conflicts are retried, instead of the repository's policy.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }
}

impl<A: Aggregate, S: EventStore> Execute<'_, A, S> {
    async fn run(self) -> Result<Executed<A::Event>, ExecuteError<A::Error>> {
        let stream = self.stream.map_err(StoreError::from)?;
        let idempotency = match self.idempotency {
            None => None,
            Some((key, fingerprint)) => {
                let key = IdempotencyKey::new(key).map_err(StoreError::from)?;
                Some(fingerprint(key, &stream, &self.command).map_err(StoreError::from)?)
            }
        };
        let order = Order {
            stream,
            command: self.command,
            now: self.now.unwrap_or_else(SystemTime::now),
            metadata: self.metadata,
            idempotency,
            retry: self.retry,
        };
        Attempts::begin(self.repository, order).await.run().await
    }
}

impl<'a, A: Aggregate, S: EventStore> IntoFuture for Execute<'a, A, S> {
    type Output = Result<Executed<A::Event>, ExecuteError<A::Error>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
