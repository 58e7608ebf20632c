//! A command on its way: a builder that is a future.

use std::{fmt, pin::Pin, time::SystemTime};

use super::{ExecuteError, Executed, Loaded, Repository, context};
use crate::{
    Aggregate, Envelope, EventStore, InvalidName, Metadata, RetryPolicy, StoreError, StreamId,
};

/// A command on its way to an aggregate. Nothing happens until it is awaited.
#[must_use = "a command does nothing until it is awaited"]
pub struct Execute<'a, A: Aggregate, S> {
    repository: &'a Repository<A, S>,
    stream: Result<StreamId, InvalidName>,
    command: A::Command,
    now: Option<SystemTime>,
    metadata: Metadata,
    retry: RetryPolicy,
}

impl<A: Aggregate<Command: fmt::Debug>, S> fmt::Debug for Execute<'_, A, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            repository: _,
            stream,
            command,
            now,
            metadata,
            retry,
        } = self;
        let mut out = f.debug_struct("Execute");
        out.field("stream", stream)
            .field("command", command)
            .field("now", now);
        out.field("metadata", metadata)
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
            retry,
        }
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
        let now = self.now.unwrap_or_else(SystemTime::now);
        let mut failures = 0;
        loop {
            let Loaded { state, version } = self.repository.fold(&stream).await?;
            let context = context(&stream, version, now, self.metadata.clone());
            let events = state
                .handle(self.command.clone(), &context)
                .map_err(ExecuteError::Rejected)?;
            match self
                .repository
                .append(&stream, version, events, &self.metadata)
                .await
            {
                Err(ExecuteError::Conflict(conflict)) => {
                    self.retry.pause(&mut failures, conflict).await?;
                }
                outcome => return outcome,
            }
        }
    }
}

impl<'a, A: Aggregate, S: EventStore> IntoFuture for Execute<'a, A, S> {
    type Output = Result<Executed<A::Event>, ExecuteError<A::Error>>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}
