//! Recorded events for specifications.

use std::time::SystemTime;

use cqrs_core::{Envelope, EventId, Position, RecordedEvent, StreamId, Version, model::Category};
use uuid::Uuid;

/// The `number`-th event of a specification, on the stream `id`. Ids and times are the same in every run.
#[track_caller]
pub(super) fn envelope<E>(id: &str, version: u64, number: u64, event: E) -> Envelope<E> {
    let category = Category::new("spec").expect("a valid name");
    let stream = StreamId::new(category, id).unwrap_or_else(|error| panic!("{error}"));
    let recorded = RecordedEvent::new(
        EventId::from_uuid(Uuid::from_u128(u128::from(number))),
        stream,
        Version::new(version),
        Position::new(number),
        "",
        bytes::Bytes::new(),
        SystemTime::UNIX_EPOCH,
    );
    Envelope::new(event, recorded)
}
