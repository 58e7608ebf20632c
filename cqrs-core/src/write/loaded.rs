//! An aggregate's state with its version, and how it catches up with its stream.

use crate::{
    model::{EventId, ExpectedVersion, StreamId, Version},
    ports::StoreError,
    roles::Aggregate,
    write::history::History,
};

/// An aggregate, built from its events.
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
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let accounts = MemoryEventStore::default().repository::<Account>();
/// # accounts.execute("ann", 500).await?;
/// let loaded = accounts.load("ann").await?;
/// assert_eq!(loaded.state.cents, 500);
/// assert_eq!(loaded.version, Version::new(1));
///
/// let unknown = accounts.load("bob").await?;
/// assert_eq!(unknown.version, Version::EMPTY);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loaded<A> {
    /// Its state.
    pub state: A,
    /// The number of events in the state.
    pub version: Version,
    /// The id of the last event in the state.
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
    /// The expectation of an append that was decided on this state: the version and the id of the last event. The version
    /// alone is not enough: after a restore of the log, other events could reach the same version.
    #[must_use]
    pub fn expected(&self) -> ExpectedVersion {
        match self.last_event {
            Some(last_event) => ExpectedVersion::LastEvent(self.version, last_event),
            None if self.version == Version::EMPTY => ExpectedVersion::NoStream,
            None => ExpectedVersion::Exact(self.version),
        }
    }

    /// The version to read after, so that the first event returned is the state's last event.
    pub(crate) fn before_last_event(&self) -> Version {
        Version::new(self.version.get().saturating_sub(1))
    }
}

impl<A: Aggregate> Loaded<A> {
    /// Applies the events after its version.
    pub(crate) fn catch_up(
        mut self,
        stream: &StreamId,
        history: impl Into<History>,
    ) -> Result<Self, StoreError> {
        for past in history.into().decoded::<A::Event>(stream) {
            let past = past?;
            for event in past.events {
                self.state.apply(event);
            }
            self.version = past.version;
            self.last_event = Some(past.id);
        }
        Ok(self)
    }

    /// Applies events that start with the state's last event. `None`: the stream has another event there, so the state does
    /// not belong to it.
    pub(crate) fn verified_catch_up(
        self,
        stream: &StreamId,
        mut history: History,
    ) -> Result<Option<Self>, StoreError> {
        if let Some(last_event) = self.last_event
            && history.skip_next() != Some((self.version, last_event))
        {
            return Ok(None);
        }
        self.catch_up(stream, history).map(Some)
    }

    /// Applies events that were decided on this state and are now stored.
    pub(crate) fn advance(&mut self, version: Version, events: Vec<(EventId, A::Event)>) {
        for (id, event) in events {
            self.state.apply(event);
            self.last_event = Some(id);
        }
        self.version = version;
    }
}
