//! The events in the store, read by other means than its log.

use std::collections::HashMap;

use cqrs_core::{EventStore, StoreError, Version};

use crate::ids::{EventOrigin, RunId, StreamNumber};

/// An event in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredEvent {
    /// The position in the log.
    pub position: u64,
    /// The stream.
    pub stream: StreamNumber,
    /// The version in the stream.
    pub version: u32,
    /// The writer and the append that wrote it.
    pub origin: EventOrigin,
}

impl StoredEvent {
    /// The event as the store names it, for a report.
    #[must_use]
    pub fn describe(&self, run: RunId) -> String {
        let Self {
            position,
            stream,
            version,
            origin,
        } = self;
        let stream = stream.id();
        let id = origin.id(run);
        format!("{stream}@{version}, position {position}, id {id} ({origin})")
    }
}

/// Every event in the store, by position.
#[derive(Debug, Default)]
pub struct StoredEvents {
    /// The events of this run.
    pub events: Vec<StoredEvent>,
    /// Descriptions of the events that no writer of this run has written.
    pub foreign: Vec<String>,
}

impl StoredEvents {
    /// Reads these streams, one after the other.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_streams<S: EventStore>(
        store: &S,
        run: RunId,
        streams: impl IntoIterator<Item = StreamNumber> + Send,
    ) -> Result<Self, StoreError> {
        let mut stored = Self::default();
        for stream in streams.into_iter().collect::<Vec<_>>() {
            for event in store.read_stream(&stream.id(), Version::EMPTY).await? {
                let origin = EventOrigin::of(event.id, run);
                let position = event.position.get();
                let version = event.version.get();
                stored.add(position, Some(stream), version, origin, || {
                    event.to_string()
                });
            }
        }
        stored.events.sort_unstable_by_key(|event| event.position);
        Ok(stored)
    }

    /// Adds an event. `describe` is called for an event that no writer of this run has written.
    pub fn add(
        &mut self,
        position: u64,
        stream: Option<StreamNumber>,
        version: u64,
        origin: Option<EventOrigin>,
        describe: impl FnOnce() -> String,
    ) {
        match (stream, u32::try_from(version), origin) {
            (Some(stream), Ok(version), Some(origin)) => self.events.push(StoredEvent {
                position,
                stream,
                version,
                origin,
            }),
            _ => self.foreign.push(describe()),
        }
    }

    /// The position of the last event; 0 if there is none.
    #[must_use]
    pub fn last_position(&self) -> u64 {
        self.events.last().map_or(0, |event| event.position)
    }

    /// How many streams have events.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.slices().len()
    }

    /// The slice of each stream.
    #[must_use]
    pub fn slices(&self) -> HashMap<StreamNumber, u16> {
        let mut slices = HashMap::new();
        for event in &self.events {
            let slice = slices.entry(event.stream);
            slice.or_insert_with(|| event.stream.id().slice());
        }
        slices
    }
}
