//! Recorded events for specifications.

use std::time::SystemTime;

use cqrs_core::{
    Envelope, EventId, Metadata, Position, RecordedEvent, StreamId, Version, model::Category,
};
use uuid::Uuid;

/// The `number`-th event of a specification, on the stream `id`. Ids and times are the same in every run.
#[track_caller]
pub(super) fn envelope<E>(id: &str, version: u64, number: u64, event: E) -> Envelope<E> {
    let category = Category::new("spec").expect("a valid name");
    let stream = StreamId::new(category, id).unwrap_or_else(|error| panic!("{error}"));
    let recorded = RecordedEvent {
        id: EventId::from_uuid(Uuid::from_u128(u128::from(number))),
        stream,
        version: Version::new(version),
        position: Position::new(number),
        event_type: "".into(),
        schema_version: 1,
        payload: bytes::Bytes::new(),
        metadata: Metadata::default(),
        recorded_at: SystemTime::UNIX_EPOCH,
        lane: None,
    };
    Envelope { event, recorded }
}
