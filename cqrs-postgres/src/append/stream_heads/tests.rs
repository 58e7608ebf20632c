//! Which positions a batch names, and for how long.

use bytes::Bytes;
use cqrs_core::{
    ExpectedVersion::*,
    Metadata, StreamId,
    model::{Category, Conflict, NewEvent},
    ports::Appended,
};

use super::*;

fn stream(id: usize) -> StreamId {
    let category = Category::new("account").expect("valid");
    StreamId::new(category, id.to_string()).expect("valid")
}

fn event(id: usize) -> EventId {
    EventId::from_uuid(uuid::Uuid::from_u128(id as u128))
}

/// An append of one event, whose id has the number of the stream.
fn append(id: usize, expected: ExpectedVersion) -> Append {
    let event = NewEvent::from_parts(
        event(id),
        "Happened",
        Bytes::from_static(b"1"),
        Metadata::default(),
    );
    Append::new(stream(id), expected, vec![event])
}

fn appended(heads: &mut StreamHeads, id: usize) {
    let appends = Appends::from(append(id, Any));
    let appended = Appended::new(
        stream(id),
        Version::new(1),
        Version::new(2),
        Some(Position::new(100 + id as u64)),
    );
    heads.learn(&[&appends], &[Verdict::Appended(vec![appended])]);
}

/// The heads of this many streams: each is at version 2, and its last event has the stream's number and lies at 100 + number.
fn heads(streams: usize) -> StreamHeads {
    let mut heads = StreamHeads::default();
    (0..streams).for_each(|id| appended(&mut heads, id));
    heads
}

fn last(version: u64, id: usize) -> ExpectedVersion {
    LastEvent(Version::new(version), event(id))
}

#[test]
fn a_hint_is_the_position_of_the_very_event_that_is_expected() {
    let mut heads = heads(2);
    for (id, expected, hint) in [
        (0, last(2, 0), Some(100)),
        (1, last(2, 1), Some(101)),
        (0, last(2, 1), Some(0)),
        (0, last(3, 0), Some(0)),
        (9, last(2, 9), Some(0)),
        (0, Exact(Version::new(2)), Some(0)),
        (9, NoStream, Some(0)),
        (9, Exact(Version::EMPTY), Some(0)),
        (0, NoStream, None),
        (0, Any, None),
        (0, StreamExists, None),
    ] {
        let append = append(id, expected);
        let hints = heads.hints(&[&append]);
        assert_eq!(hints, hint.map(|hint| vec![hint]), "{id} {expected}");
        let check = Append::new(append.stream, append.expected, Vec::new());
        assert_eq!(heads.hints(&[&check]), None, "{expected}");
    }
}

#[test]
fn one_append_without_a_hint_leaves_the_batch_without_hints() {
    let mut heads = heads(1);
    let known = append(0, last(2, 0));
    assert_eq!(heads.hints(&[&known, &append(1, Any)]), None);
    assert_eq!(
        heads.hints(&[&known, &append(1, NoStream)]),
        Some(vec![100, 0])
    );
}

#[test]
fn the_oldest_streams_are_forgotten() {
    let mut heads = heads(2 * STREAMS + 1);
    let mut hint = |id| heads.hints(&[&append(id, last(2, id))]);
    assert_eq!(hint(0), Some(vec![0]));
    for id in [STREAMS, 2 * STREAMS - 1, 2 * STREAMS] {
        assert_eq!(hint(id), Some(vec![100 + signed(id as u64)]), "{id}");
    }
}

#[test]
fn after_a_conflict_some_batches_read_the_versions_first() {
    let mut heads = heads(1);
    let append = append(0, last(2, 0));
    let conflict = || {
        let conflict = Conflict::new(stream(0), last(2, 0), Version::new(3));
        [Verdict::Rejected(conflict.into())]
    };
    heads.learn(&[&Appends::from(append.clone())], &conflict());
    for batch in 0..DISTRUST {
        assert_eq!(heads.hints(&[&append]), None, "{batch}");
        if batch == 3 {
            // A conflict of a batch that read first, except the last one, does not extend it.
            heads.learn(&[&Appends::from(append.clone())], &conflict());
        }
    }
    assert_eq!(heads.hints(&[&append]), Some(vec![100]));
}
