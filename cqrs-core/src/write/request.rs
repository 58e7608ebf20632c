//! The options of a request: time, metadata and retries. Requests to one and to several aggregates share them.

use std::{fmt, time::SystemTime};

use crate::{
    codec::CodecError,
    model::{
        EventId, Headers, Idempotency, IdempotencyKey, Limits, Metadata, RecordedEvent, RetryPolicy,
    },
    ports::{StoreError, StoreErrorKind},
};

/// The options of a request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// The id and the metadata of the event that causes the request.
    cause: Option<(EventId, Metadata)>,
    correlation_id: Option<String>,
    traceparent: Option<String>,
    headers: Headers,
    now: Option<SystemTime>,
    pub(crate) retry: RetryPolicy,
}

/// The time and the metadata of a decision, the same in all attempts at a request.
#[derive(Debug, Clone)]
pub(crate) struct DecisionInput {
    /// The time of the request; a retry keeps it.
    pub(crate) now: SystemTime,
    /// The metadata of its events.
    pub(crate) metadata: Metadata,
}

/// An idempotency key as the user wrote it, and how to compute the fingerprint of the request. Both can fail, which a builder
/// method cannot return: so they are evaluated when the request is awaited.
pub(crate) struct RequestKey<F> {
    key: String,
    fingerprint: F,
}

impl<F> RequestKey<F> {
    pub(crate) fn new(key: impl Into<String>, fingerprint: F) -> Self {
        let key = key.into();
        Self { key, fingerprint }
    }

    pub(crate) fn evaluate(
        self,
        fingerprint: impl FnOnce(F, IdempotencyKey) -> Result<Idempotency, CodecError>,
    ) -> Result<Idempotency, StoreError> {
        let key = IdempotencyKey::new(self.key)?;
        fingerprint(self.fingerprint, key.clone()).map_err(|error| no_fingerprint(&key, error))
    }
}

fn no_fingerprint(key: &IdempotencyKey, error: CodecError) -> StoreError {
    let key = key.as_str();
    let message = format!(
        "the command under idempotency key {key:?} cannot be written as JSON, which its fingerprint needs; nothing was executed"
    );
    StoreError::new(StoreErrorKind::InvalidInput, message).caused_by(error)
}

/// Without the fingerprint, which is a function.
impl<F> fmt::Debug for RequestKey<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequestKey").field(&self.key).finish()
    }
}

impl Request {
    pub(crate) fn new(retry: RetryPolicy) -> Self {
        Self {
            cause: None,
            correlation_id: None,
            traceparent: None,
            headers: Headers::new(),
            now: None,
            retry,
        }
    }

    pub(crate) fn caused_by(&mut self, cause: &RecordedEvent) {
        self.cause = Some((cause.id, cause.metadata.clone()));
    }

    pub(crate) fn correlation_id(&mut self, id: String) {
        self.correlation_id = Some(id);
    }

    pub(crate) fn traceparent(&mut self, traceparent: String) {
        self.traceparent = Some(traceparent);
    }

    pub(crate) fn header(&mut self, name: String, value: String) {
        self.headers.insert(name, value);
    }

    pub(crate) fn at(&mut self, now: SystemTime) {
        self.now = Some(now);
    }

    /// Explicit values win over values inherited from the cause, in any order of the calls.
    /// Inherited ones are left out if they are beyond the limits of the store.
    pub(crate) fn input(&self, limits: Limits) -> DecisionInput {
        let inherited =
            |(id, metadata): &(EventId, Metadata)| Metadata::inherited(*id, metadata, limits);
        let mut metadata = self.cause.as_ref().map(inherited).unwrap_or_default();
        if let Some(id) = &self.correlation_id {
            metadata.correlation_id = Some(id.clone());
        }
        if let Some(traceparent) = &self.traceparent {
            metadata.traceparent = Some(traceparent.clone());
        }
        metadata.headers.extend(self.headers.clone());
        DecisionInput {
            now: self.now.unwrap_or_else(SystemTime::now),
            metadata,
        }
    }
}

/// The methods of a builder that has a field `request: Request`.
macro_rules! request_options {
    () => {
        /// Sets the event that causes this request. The new events inherit its correlation id, trace context and
        /// headers.
        pub fn caused_by<E>(mut self, event: &$crate::Envelope<E>) -> Self {
            self.request.caused_by(&event.recorded);
            self
        }

        /// Sets the correlation id: the conversation that the request belongs to.
        pub fn correlation_id(
            mut self,
            id: impl ::core::convert::Into<::std::string::String>,
        ) -> Self {
            self.request.correlation_id(id.into());
            self
        }

        /// Sets the W3C trace context of the events.
        pub fn traceparent(
            mut self,
            traceparent: impl ::core::convert::Into<::std::string::String>,
        ) -> Self {
            self.request.traceparent(traceparent.into());
            self
        }

        /// Adds a header to the events, such as a user or a tenant. The limits of
        /// [`Metadata::headers`](crate::Metadata::headers) are checked when the events are appended.
        pub fn header(
            mut self,
            name: impl ::core::convert::Into<::std::string::String>,
            value: impl ::core::convert::Into<::std::string::String>,
        ) -> Self {
            self.request.header(name.into(), value.into());
            self
        }

        /// Sets the time of the request; the current time by default.
        pub fn at(mut self, now: ::std::time::SystemTime) -> Self {
            self.request.at(now);
            self
        }

        /// Sets how conflicts are retried.
        pub fn retry(mut self, policy: $crate::RetryPolicy) -> Self {
            self.request.retry = policy;
            self
        }
    };
}

pub(crate) use request_options;
