//! The past of an aggregate, decoded one event after the other.
//!
//! A replay returns the parts of each event that decoding needs in most cases. If an upcaster reads how an event was recorded,
//! whole events are read instead.

use std::vec::IntoIter;

use crate::{
    model::{
        Decoded, Event, EventId, RecordedEvent, Stored, StreamId, Version, decode_for_state, steps,
    },
    ports::{EventStore, PastEvent, StoreError},
};

/// Events of one stream, in order. One of the two lists is empty.
#[derive(Debug, Default)]
pub(crate) struct History {
    past: IntoIter<PastEvent>,
    recorded: IntoIter<RecordedEvent>,
}

impl From<Vec<PastEvent>> for History {
    fn from(past: Vec<PastEvent>) -> Self {
        Self {
            past: past.into_iter(),
            recorded: IntoIter::default(),
        }
    }
}

impl From<Vec<RecordedEvent>> for History {
    fn from(recorded: Vec<RecordedEvent>) -> Self {
        Self {
            past: IntoIter::default(),
            recorded: recorded.into_iter(),
        }
    }
}

/// A stored event as its aggregate has it now.
pub(crate) struct DecodedPast<E> {
    pub(crate) version: Version,
    pub(crate) id: EventId,
    pub(crate) events: Decoded<E>,
}

impl History {
    /// The events of a stream after version `after`.
    pub(crate) async fn read<E: Event>(
        store: &impl EventStore,
        stream: &StreamId,
        after: Version,
    ) -> Result<Self, StoreError> {
        if needs_recording::<E>() {
            Ok(store.read_stream(stream, after).await?.into())
        } else {
            Ok(store.replay(stream, after).await?.into())
        }
    }

    /// Events after version `after` that were replayed. They are read again if that is not enough.
    pub(crate) async fn replayed<E: Event>(
        store: &impl EventStore,
        stream: &StreamId,
        after: Version,
        past: Vec<PastEvent>,
    ) -> Result<Self, StoreError> {
        if needs_recording::<E>() {
            Ok(store.read_stream(stream, after).await?.into())
        } else {
            Ok(past.into())
        }
    }

    /// The place of the next event, which is taken away and not decoded.
    pub(crate) fn skip_next(&mut self) -> Option<(Version, EventId)> {
        let past = self.past.next().map(|event| (event.version, event.id));
        past.or_else(|| self.recorded.next().map(|event| (event.version, event.id)))
    }

    /// The place of the last event.
    pub(crate) fn last(&self) -> Option<(Version, EventId)> {
        let past = self.past.as_slice().last();
        let recorded = self.recorded.as_slice().last();
        past.map(|event| (event.version, event.id))
            .or_else(|| recorded.map(|event| (event.version, event.id)))
    }

    /// Decodes the events, each when it is its turn.
    pub(crate) fn decoded<E: Event>(
        self,
        stream: &StreamId,
    ) -> impl Iterator<Item = Result<DecodedPast<E>, StoreError>> {
        let past = self.past.map(|event| {
            Ok(DecodedPast {
                version: event.version,
                id: event.id,
                events: decode_past(stream, &event)?,
            })
        });
        let recorded = self.recorded.map(|event| {
            let decoded = decode_for_state(&event.stored());
            Ok(DecodedPast {
                version: event.version,
                id: event.id,
                events: decoded.map_err(|error| StoreError::undecodable::<E>(&event, error))?,
            })
        });
        past.chain(recorded)
    }
}

/// Whether an upcaster of the aggregate reads how an event was recorded.
pub(crate) fn needs_recording<E: Event>() -> bool {
    steps::reads_recording(E::UPCASTERS)
}

fn decode_past<E: Event>(stream: &StreamId, past: &PastEvent) -> Result<Decoded<E>, StoreError> {
    let stored = Stored {
        event_type: &past.event_type,
        schema_version: past.schema_version,
        payload: &past.payload,
        recording: None,
    };
    decode_for_state(&stored).map_err(|error| {
        let event = format!("{stream}@{} ({})", past.version, past.event_type);
        StoreError::unreadable::<E>(&event, error)
    })
}
