//! The arguments and the result of an append.

use std::collections::HashSet;

use crate::{
    codec::CodecError,
    model::{
        Event, ExpectedVersion, Idempotency, Limits, Metadata, NewEvent, Position, StreamId,
        Version, check_event, check_headers, check_id,
    },
    ports::error::{BoxError, StoreError, StoreErrorKind},
};

/// Events for one stream, and the version expected of it. Without events the stream is a read-only participant: its
/// version is checked and must not change until the other streams of the call are written.
///
/// ```
/// # use cqrs_core::{ports::Append, prelude::*};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Opened, Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// let events = [AccountEvent::Opened, AccountEvent::Deposited { cents: 500 }];
/// let append = Append::of("ann", ExpectedVersion::NoStream, &events)?;
/// store.append(append).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Append {
    /// The stream.
    pub stream: StreamId,
    /// The version expected of it.
    pub expected: ExpectedVersion,
    /// The events, in order.
    pub events: Vec<NewEvent>,
}

impl Append {
    /// An append of encoded events.
    #[must_use]
    pub const fn new(stream: StreamId, expected: ExpectedVersion, events: Vec<NewEvent>) -> Self {
        Self {
            stream,
            expected,
            events,
        }
    }

    /// The same append with another expected version.
    #[must_use]
    pub const fn expecting(mut self, expected: ExpectedVersion) -> Self {
        self.expected = expected;
        self
    }

    /// An append of `events` to the aggregate called `id`.
    ///
    /// # Errors
    /// When the id is not a valid name, or an event cannot be encoded.
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

    fn check_events(&self, limits: Limits) -> Result<(), StoreError> {
        check_id(&self.stream, limits).map_err(|error| {
            let message = format!("no event of {} can be stored", self.stream);
            StoreError::new(StoreErrorKind::InvalidInput, message).caused_by(error)
        })?;
        for event in &self.events {
            check_event(event, limits).map_err(|error| self.rejected(event, error))?;
            check_headers(&event.metadata.headers, limits)
                .map_err(|error| self.rejected(event, error))?;
        }
        Ok(())
    }

    fn rejected(&self, event: &NewEvent, error: impl Into<BoxError>) -> StoreError {
        let event_type: String = event.event_type.chars().take(64).collect();
        let message = format!("a {event_type:?} for {} cannot be stored", self.stream);
        StoreError::new(StoreErrorKind::InvalidInput, message).caused_by(error)
    }
}

/// Appends to one stream or several: all or none, and at most once under an idempotency key.
///
/// ```
/// # use cqrs_core::{ports::Append, prelude::*};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Opened }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// let ann = Append::of("ann", ExpectedVersion::NoStream, &[AccountEvent::Opened])?;
/// let bob = Append::of("bob", ExpectedVersion::NoStream, &[AccountEvent::Opened])?;
/// store.append_all([ann, bob].into()).await?; // both or none
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Appends {
    /// One append for each stream. An empty list does nothing and does not use the key.
    pub streams: Vec<Append>,
    /// The idempotency key, if any.
    pub idempotency: Option<Idempotency>,
}

impl Appends {
    /// Appends to these streams, under a key if there is one.
    #[must_use]
    pub const fn new(streams: Vec<Append>, idempotency: Option<Idempotency>) -> Self {
        Self {
            streams,
            idempotency,
        }
    }

    /// The same appends, at most once: a repeat under the key appends nothing and returns the first result.
    #[must_use]
    pub fn once(mut self, idempotency: Idempotency) -> Self {
        self.idempotency = Some(idempotency);
        self
    }

    /// Rejects appends that no store accepts: a stream that is named twice, headers beyond their limits, an event type, a
    /// correlation id or a traceparent that is too long, and characters that a database cannot store. An adapter calls it first.
    ///
    /// # Errors
    /// [`StoreErrorKind::InvalidInput`]; the message names the stream. For headers the source is a
    /// [`HeaderError`](crate::model::HeaderError), for another field a [`LimitError`](crate::model::LimitError).
    pub fn check(&self, limits: Limits) -> Result<(), StoreError> {
        self.each_stream_once()?;
        let mut appends = self.streams.iter();
        appends.try_for_each(|append| append.check_events(limits))
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
        let message =
            format!("{stream} is named twice in one append; name it once, with all its events");
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

/// The result of an append to one stream.
///
/// ```
/// # use cqrs_core::{ports::Append, prelude::*};
/// # #[derive(serde::Serialize, serde::Deserialize)] enum AccountEvent { Deposited { cents: u64 } }
/// # impl Event for AccountEvent { const CATEGORY: &'static str = "account"; }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = MemoryEventStore::default();
/// let events = [AccountEvent::Deposited { cents: 200 }, AccountEvent::Deposited { cents: 300 }];
/// let appended = store.append(Append::of("ann", ExpectedVersion::Any, &events)?).await?;
/// assert_eq!(appended.before, Version::EMPTY);
/// assert_eq!(appended.version, Version::new(2));
/// assert_eq!(appended.position, Some(Position::new(2)));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Appended {
    /// The stream.
    pub stream: StreamId,
    /// The stream's version before the append.
    pub before: Version,
    /// The stream's version after the append.
    pub version: Version,
    /// The position of its last event. `None` without events, and before the commit of a transaction.
    pub position: Option<Position>,
    /// `true`: the events were appended earlier under the same key and not again; this is the earlier result.
    pub repeated: bool,
}

impl Appended {
    /// The result of an append that was made now.
    #[must_use]
    pub const fn new(
        stream: StreamId,
        before: Version,
        version: Version,
        position: Option<Position>,
    ) -> Self {
        Self {
            stream,
            before,
            version,
            position,
            repeated: false,
        }
    }

    /// The same result, of an append that was made earlier under its key.
    #[must_use]
    pub const fn repeated(mut self) -> Self {
        self.repeated = true;
        self
    }
}
