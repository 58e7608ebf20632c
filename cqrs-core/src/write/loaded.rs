//! An aggregate as its events tell it, and how it catches up with its stream.

use crate::{
    codec,
    model::{EventId, ExpectedVersion, StreamId, Version},
    ports::{PastEvent, StoreError},
    roles::Aggregate,
};

/// An aggregate as its events tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded<A> {
    /// Its state.
    pub state: A,
    /// How many events made it.
    pub version: Version,
    /// The last of them.
    pub last_event: Option<EventId>,
}

/// The state before the first event.
impl<A: Default> Default for Loaded<A> {
    fn default() -> Self {
        Self {
            state: A::default(),
            version: Version::EMPTY,
            last_event: None,
        }
    }
}

impl<A> Loaded<A> {
    /// What an append that was decided on this state expects: the very event that the state stands on. A version alone
    /// would be reached again by other events after the log was restored.
    #[must_use]
    pub fn expected(&self) -> ExpectedVersion {
        match self.last_event {
            Some(last_event) => ExpectedVersion::LastEvent(self.version, last_event),
            None if self.version == Version::EMPTY => ExpectedVersion::NoStream,
            None => ExpectedVersion::Exact(self.version),
        }
    }

    /// The version from which to read on so that the first event read is the one that the state stands on.
    pub(crate) fn from(&self) -> Version {
        Version::new(self.version.get().saturating_sub(1))
    }
}

impl<A: Aggregate> Loaded<A> {
    /// Takes in what was read behind its version.
    pub(crate) fn catch_up(
        mut self,
        stream: &StreamId,
        events: impl IntoIterator<Item = PastEvent>,
    ) -> Result<Self, StoreError> {
        for past in events {
            self.state.apply(decoded::<A>(stream, &past)?);
            self.version = past.version;
            self.last_event = Some(past.id);
        }
        Ok(self)
    }

    /// Takes in what was read from the event on that it stands on, or gives nothing if the stream has another there.
    pub(crate) fn confirmed(
        self,
        stream: &StreamId,
        events: Vec<PastEvent>,
    ) -> Result<Option<Self>, StoreError> {
        let mut events = events.into_iter();
        if let Some(last_event) = self.last_event {
            let stands = |past: PastEvent| past.version == self.version && past.id == last_event;
            if !events.next().is_some_and(stands) {
                return Ok(None);
            }
        }
        self.catch_up(stream, events).map(Some)
    }

    /// Takes in its own events, once they are known to be stored.
    pub(crate) fn advance(&mut self, version: Version, events: Vec<(EventId, A::Event)>) {
        for (id, event) in events {
            self.state.apply(event);
            self.last_event = Some(id);
        }
        self.version = version;
    }
}

/// The event as its aggregate knows it.
pub(crate) fn decoded<A: Aggregate>(
    stream: &StreamId,
    past: &PastEvent,
) -> Result<A::Event, StoreError> {
    codec::decode(&past.event_type, past.schema_version, &past.payload).map_err(|error| {
        let event = format!("{stream}@{} ({})", past.version, past.event_type);
        StoreError::unreadable::<A::Event>(&event, error)
    })
}
