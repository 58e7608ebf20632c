//! The port that takes over events from another store.

use crate::{
    model::{
        EventId, HeaderError, LimitError, Limits, RecordedEvent, StreamId, Version, check_fields,
        check_headers, check_id, check_schema_version,
    },
    ports::{
        error::{CommitError, StoreError},
        event_store::EventStore,
    },
};

/// What an import did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Imported {
    /// How many events it added.
    pub added: u64,
    /// How many the store had already.
    pub present: u64,
}

impl Imported {
    /// An import that added some events and found others.
    #[must_use]
    pub const fn new(added: u64, present: u64) -> Self {
        Self { added, present }
    }
}

/// Why an import failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The stream does not continue with this event.
    #[error(
        "{stream}@{version} does not follow version {head}, the last of its stream; import the events of a stream in order, \
         from version 1"
    )]
    Gap {
        /// The stream of the event.
        stream: StreamId,
        /// Its version.
        version: Version,
        /// The last version of the stream, with the events before this one in the import.
        head: Version,
    },
    /// The stream has another event at this version: somebody else has written to it.
    #[error(
        "{stream}@{version} cannot be imported: its stream already has event {found} at this version; give the same event the same id at each \
         import, or import the stream under another id"
    )]
    OtherEvent {
        /// The stream of the event.
        stream: StreamId,
        /// Its version.
        version: Version,
        /// The event that is there.
        found: EventId,
    },
    /// A field of the event that no store accepts.
    #[error("{stream}@{version} cannot be stored")]
    Limit {
        /// The stream of the event.
        stream: StreamId,
        /// Its version.
        version: Version,
        /// The field.
        source: LimitError,
    },
    /// A header of the event that no store accepts.
    #[error("{stream}@{version} cannot be stored")]
    Header {
        /// The stream of the event.
        stream: StreamId,
        /// Its version.
        version: Version,
        /// The header.
        source: HeaderError,
    },
    /// The payload of the event is not JSON.
    #[error("the payload of {stream}@{version} is not JSON")]
    Payload {
        /// The stream of the event.
        stream: StreamId,
        /// Its version.
        version: Version,
        /// Where it is not.
        source: serde_json::Error,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store failed at the commit. The events may have been added: run the import again.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

/// Takes over events that another store has recorded.
pub trait Import: EventStore {
    /// Adds events with their ids, versions, times, schema versions and metadata, all or none. Their positions are new, in the
    /// order given; `position` and `lane` of the events are not used.
    ///
    /// An event that its stream has already is passed over, so an import that was interrupted is run again from the start.
    /// A call is one transaction, and readers wait for its end: import some thousand events at a time. Nobody else should
    /// write to the streams until they are complete.
    ///
    /// On PostgreSQL only the owner of the store may import.
    ///
    /// ```
    /// # use std::time::{Duration, SystemTime};
    /// # use cqrs_core::{model::Category, ports::Import, prelude::*};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let store = MemoryEventStore::default();
    /// let stream = StreamId::new(Category::new("account")?, "ann")?;
    /// let opened_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    /// let opened = RecordedEvent::new(
    ///     EventId::random(), stream, Version::new(1), Position::START, "Opened", r#"{"owner":"Ann"}"#, opened_at,
    /// );
    /// assert_eq!(store.import(&[opened.clone()]).await?.added, 1);
    /// assert_eq!(store.import(&[opened]).await?.present, 1);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ImportError`]: nothing of this call was added, except that after [`ImportError::Commit`] everything may have been.
    fn import(
        &self,
        events: &[RecordedEvent],
    ) -> impl Future<Output = Result<Imported, ImportError>> + Send;
}

/// Checks the fields of events as at an append. Adapters call it before they import.
///
/// # Errors
/// [`ImportError::Limit`], [`ImportError::Header`] or [`ImportError::Payload`].
pub fn check_import(events: &[RecordedEvent], limits: Limits) -> Result<(), ImportError> {
    events.iter().try_for_each(|event| check(event, limits))
}

fn check(event: &RecordedEvent, limits: Limits) -> Result<(), ImportError> {
    let name = || (event.stream.clone(), event.version);
    let fields = || check_fields(&event.event_type, &event.metadata, &event.payload, limits);
    check_id(&event.stream, limits)
        .and_then(|()| check_schema_version(event.schema_version))
        .and_then(|()| fields())
        .map_err(|source| {
            let (stream, version) = name();
            ImportError::Limit {
                stream,
                version,
                source,
            }
        })?;
    check_headers(&event.metadata.headers, limits).map_err(|source| {
        let (stream, version) = name();
        ImportError::Header {
            stream,
            version,
            source,
        }
    })?;
    let json = serde_json::from_slice::<serde::de::IgnoredAny>(&event.payload);
    json.map(drop).map_err(|source| {
        let (stream, version) = name();
        ImportError::Payload {
            stream,
            version,
            source,
        }
    })
}
