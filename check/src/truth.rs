//! What the store holds, read by other means than its log.

use std::collections::HashMap;

use cqrs_core::{EventStore, StoreError, Version};

use crate::names::{EventNumber, Run, StreamNumber};

/// An event as the store holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fact {
    /// Its place in the log.
    pub position: u64,
    /// Its stream.
    pub stream: StreamNumber,
    /// Its place in the stream.
    pub version: u32,
    /// Which one it is.
    pub number: EventNumber,
}

impl Fact {
    /// The event in the words of the store, for a report.
    #[must_use]
    pub fn told(&self, run: Run) -> String {
        let Self {
            position,
            stream,
            version,
            number,
        } = self;
        let (stream, id) = (stream.id(), number.id(run));
        format!("{stream}@{version}, position {position}, id {id} ({number})")
    }
}

/// Every event, in the order of positions.
#[derive(Debug, Default)]
pub struct Truth {
    /// The events of this run.
    pub facts: Vec<Fact>,
    /// What nobody of this run has written, told.
    pub strangers: Vec<String>,
}

impl Truth {
    /// Reads every stream, one after the other.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of_streams<S: EventStore>(
        store: &S,
        run: Run,
        streams: impl IntoIterator<Item = StreamNumber> + Send,
    ) -> Result<Self, StoreError> {
        let mut truth = Self::default();
        for stream in streams.into_iter().collect::<Vec<_>>() {
            for event in store.read_stream(&stream.id(), Version::EMPTY).await? {
                let number = EventNumber::of(event.id, run);
                let (position, version) = (event.position.get(), event.version.get());
                truth.add(position, Some(stream), version, number, || {
                    event.to_string()
                });
            }
        }
        truth.facts.sort_unstable_by_key(|fact| fact.position);
        Ok(truth)
    }

    /// Takes an event; `tell` is called for one that nobody of this run has written.
    pub fn add(
        &mut self,
        position: u64,
        stream: Option<StreamNumber>,
        version: u64,
        number: Option<EventNumber>,
        tell: impl FnOnce() -> String,
    ) {
        match (stream, u32::try_from(version), number) {
            (Some(stream), Ok(version), Some(number)) => self.facts.push(Fact {
                position,
                stream,
                version,
                number,
            }),
            _ => self.strangers.push(tell()),
        }
    }

    /// The position of the last event; 0 if there is none.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.facts.last().map_or(0, |fact| fact.position)
    }

    /// How many streams there are.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.slices().len()
    }

    /// The slice of each stream, by its number.
    #[must_use]
    pub fn slices(&self) -> HashMap<StreamNumber, u16> {
        let mut slices = HashMap::new();
        for fact in &self.facts {
            let slice = slices.entry(fact.stream);
            slice.or_insert_with(|| fact.stream.id().slice());
        }
        slices
    }
}
