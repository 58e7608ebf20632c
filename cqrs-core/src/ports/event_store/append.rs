//! What is to be appended, under which guard, and where it has landed.

use std::collections::HashSet;

use crate::{
    codec::CodecError,
    model::{
        Event, ExpectedVersion, Idempotency, Metadata, NewEvent, Position, StreamId, Version,
        check_headers,
    },
    ports::error::{StoreError, StoreErrorKind},
};

/// Events for one stream, and what is expected of it. Without events it is a guard only: the stream is looked at, and
/// must not change until the others of the same call are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    /// The stream.
    pub stream: StreamId,
    /// What is expected of it.
    pub expected: ExpectedVersion,
    /// The events, in order.
    pub events: Vec<NewEvent>,
}

impl Append {
    /// An append of `events` to the aggregate called `id`.
    ///
    /// # Errors
    /// When the id cannot be a name, or an event not be stored.
    pub fn of<E: Event>(
        id: impl AsRef<str>,
        expected: ExpectedVersion,
        events: &[E],
    ) -> Result<Self, StoreError> {
        let encoded = events
            .iter()
            .map(|event| NewEvent::encode(event, Metadata::default()));
        Ok(Self {
            stream: StreamId::of::<E>(id)?,
            expected,
            events: encoded.collect::<Result<_, CodecError>>()?,
        })
    }

    /// The same append with this metadata on each of its events.
    #[must_use]
    pub fn metadata(mut self, metadata: &Metadata) -> Self {
        for event in &mut self.events {
            event.metadata = metadata.clone();
        }
        self
    }

    fn check_headers(&self) -> Result<(), StoreError> {
        for event in &self.events {
            check_headers(&event.metadata.headers).map_err(|error| {
                let message = format!(
                    "a {} for {} cannot be stored",
                    event.event_type, self.stream
                );
                StoreError::new(StoreErrorKind::InvalidInput, message).caused_by(error)
            })?;
        }
        Ok(())
    }
}

/// Appends to one stream or several: all or none, and under a key at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appends {
    /// The streams, each once. Without any, nothing is done and the key is not used.
    pub streams: Vec<Append>,
    /// Under which key.
    pub idempotency: Option<Idempotency>,
}

impl Appends {
    /// The same appends, at most once: a repeat under the key appends nothing and answers what the first one did.
    #[must_use]
    pub fn once(mut self, idempotency: Idempotency) -> Self {
        self.idempotency = Some(idempotency);
        self
    }

    /// Checks what no store accepts: a stream that is named twice, since its two expectations would contradict each other, and
    /// headers beyond their limits. Adapters begin with it.
    ///
    /// # Errors
    /// [`StoreErrorKind::InvalidInput`]; names the stream. The source of one about headers is a
    /// [`HeaderError`](crate::model::HeaderError).
    pub fn check(&self) -> Result<(), StoreError> {
        self.each_stream_once()?;
        self.streams.iter().try_for_each(Append::check_headers)
    }

    fn each_stream_once(&self) -> Result<(), StoreError> {
        if self.streams.len() < 2 {
            return Ok(());
        }
        let mut seen = HashSet::with_capacity(self.streams.len());
        let mut streams = self.streams.iter().map(|append| &append.stream);
        let Some(stream) = streams.find(|stream| !seen.insert(*stream)) else {
            return Ok(());
        };
        let message = format!("{stream} is named twice in one append; put its events together");
        Err(StoreError::new(StoreErrorKind::InvalidInput, message))
    }
}

impl From<Append> for Appends {
    fn from(append: Append) -> Self {
        vec![append].into()
    }
}

impl<const N: usize> From<[Append; N]> for Appends {
    fn from(appends: [Append; N]) -> Self {
        Vec::from(appends).into()
    }
}

impl From<Vec<Append>> for Appends {
    fn from(streams: Vec<Append>) -> Self {
        Self {
            streams,
            idempotency: None,
        }
    }
}

/// Where an append to a stream has landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The stream.
    pub stream: StreamId,
    /// The stream's version before it.
    pub before: Version,
    /// The stream's version after it.
    pub version: Version,
    /// The position of its last event; `None` when there is none, and inside a transaction that gives positions at commit.
    pub position: Option<Position>,
    /// It was appended under the same key before, and not again now: this is where it landed then.
    pub repeated: bool,
}
