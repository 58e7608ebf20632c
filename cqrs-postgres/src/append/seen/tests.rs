//! What counts as seen, and for how long.

use bytes::Bytes;
use cqrs_core::{
    ExpectedVersion::*,
    Metadata,
    model::{Category, NewEvent},
};

use super::*;

fn log(name: &str) -> LogIdentity {
    LogIdentity::new(name, 1)
}

fn stream(id: usize) -> StreamId {
    let category = Category::new("account").expect("valid");
    StreamId::new(category, id.to_string()).expect("valid")
}

fn event(id: usize) -> EventId {
    EventId::from_uuid(uuid::Uuid::from_u128(id as u128))
}

fn append(id: usize, expected: ExpectedVersion) -> Append {
    let event = NewEvent {
        id: EventId::random(),
        event_type: "Happened",
        payload: Bytes::from_static(b"1"),
        metadata: Metadata::default(),
    };
    Append {
        stream: stream(id),
        expected,
        events: vec![event],
    }
}

/// With the first streams at version 2, each with an event of its own number.
fn seen(streams: usize) -> Seen {
    let seen = Seen::default();
    for id in 0..streams {
        seen.remember(&log("a"), [(&stream(id), Version::new(2), event(id))]);
    }
    seen
}

fn is_covered(seen: &Seen, of: &str, append: &Append) -> bool {
    seen.covered(&log(of), &[append]).appends == [true]
}

#[test]
fn seen_is_what_was_the_very_event_of_the_very_stream() {
    let seen = seen(2);
    let last = |version, id| LastEvent(Version::new(version), event(id));
    for (id, expected, is_seen) in [
        (0, last(2, 0), true),
        (0, last(2, 1), false),
        (0, last(3, 0), false),
        (1, last(2, 0), false),
        (9, last(2, 9), false),
        (9, NoStream, true),
        (0, NoStream, false),
        (9, Exact(Version::EMPTY), true),
        (0, Exact(Version::new(2)), false),
        (0, Any, false),
        (0, StreamExists, false),
    ] {
        let append = append(id, expected);
        assert_eq!(is_covered(&seen, "a", &append), is_seen, "{id} {expected}");
        let look = Append {
            events: Vec::new(),
            ..append
        };
        assert!(
            !is_covered(&seen, "a", &look),
            "nobody would notice: {expected}"
        );
    }
}

#[test]
fn what_was_seen_goes_with_its_log() {
    let seen = seen(1);
    let append = append(0, LastEvent(Version::new(2), event(0)));
    assert!(!is_covered(&seen, "b", &append) && is_covered(&seen, "a", &append));
    seen.remember(&log("b"), []);
    assert!(!is_covered(&seen, "b", &append) && !is_covered(&seen, "a", &append));
}

#[test]
fn the_oldest_is_forgotten() {
    let seen = seen(2 * STREAMS + 1);
    let append = |id| append(id, LastEvent(Version::new(2), event(id)));
    assert!(!is_covered(&seen, "a", &append(0)));
    for id in [STREAMS, 2 * STREAMS - 1, 2 * STREAMS] {
        assert!(is_covered(&seen, "a", &append(id)), "{id}");
    }
}

#[test]
fn after_one_has_moved_on_all_are_looked_at_for_a_while() {
    let seen = seen(1);
    let append = append(0, LastEvent(Version::new(2), event(0)));
    seen.doubt();
    for _ in 0..DOUBT {
        assert!(!is_covered(&seen, "a", &append));
    }
    assert!(is_covered(&seen, "a", &append));
}

#[test]
fn what_was_read_in_an_earlier_era_is_not_remembered_in_a_later_one() {
    let seen = Seen::default();
    let append = append(0, LastEvent(Version::new(2), event(0)));
    let eras = [LogIdentity::new("a", 1), LogIdentity::new("a", 2)];
    seen.remember(&eras[1], []);
    seen.remember(&eras[0], [(&stream(0), Version::new(2), event(0))]);
    for era in &eras {
        assert!(seen.covered(era, &[&append]).log.is_none());
    }
    seen.remember(&eras[1], [(&stream(0), Version::new(2), event(0))]);
    assert!(seen.covered(&eras[1], &[&append]).log.is_some());
    assert!(seen.covered(&eras[0], &[&append]).log.is_none());
}
