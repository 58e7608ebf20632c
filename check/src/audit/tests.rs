//! Finds each kind of violation, made by hand, and nothing else.

use std::time::{Duration, SystemTime};

use cqrs_core::{
    Position, RecordedEvent, Version,
    model::{Checkpoint, Slices},
    ports::{Appended, LogPage},
};

use super::audit;
use crate::{
    history::{StreamPart, WriterHistory},
    ids::{EventOrigin, RunId, StreamNumber},
    observations::{Observations, ReadOptions, payload},
    stored::{StoredEvent, StoredEvents},
    verdict::Violation,
};

const RUN: RunId = RunId::new(7);

/// Two acknowledged appends, and one of two events with an unknown outcome. Each writes to a stream of its own. The append
/// to stream 2 has stream 1 at version 1 as a read-only participant.
fn history() -> WriterHistory {
    let mut history = WriterHistory::default();
    let appended = |stream, version, position| {
        Appended::new(
            StreamNumber(stream).id(),
            Version::EMPTY,
            Version::new(version),
            Some(Position::new(position)),
        )
    };
    let part = |stream, events| StreamPart::requested(StreamNumber(stream), events);
    let first = history.begin([part(1, 1)]);
    history.acknowledge(first, &[appended(1, 1, 10)]);
    let second = history.begin([part(2, 2), part(1, 0)]);
    history.acknowledge(second, &[appended(2, 2, 12), appended(1, 1, 0)]);
    history.begin([part(3, 2)]);
    history
}

fn event(append: u32, index: u8, stream: u32, version: u32, position: u64) -> StoredEvent {
    let origin = EventOrigin {
        writer: 0,
        append,
        index,
    };
    StoredEvent {
        position,
        stream: StreamNumber(stream),
        version,
        origin,
    }
}

/// What a correct store holds, if the append with an unknown outcome happened.
fn events() -> Vec<StoredEvent> {
    vec![
        event(0, 0, 1, 1, 10),
        event(1, 0, 2, 1, 11),
        event(1, 1, 2, 2, 12),
        event(2, 0, 3, 1, 20),
        event(2, 1, 3, 2, 21),
    ]
}

/// A reader that saw these events, in pages of two.
fn reader(events: &[StoredEvent]) -> Observations {
    let options = ReadOptions {
        slices: Slices::ALL,
        reads: &[],
        page_size: 2,
    };
    let mut observations = Observations::new(RUN, 0, options);
    for events in events.chunks(2) {
        let events: Vec<_> = events.iter().map(recorded).collect();
        let upto = events
            .last()
            .map(|event| Checkpoint::after(event.position, event.id));
        observations.add_page(&LogPage::new(events, upto), Duration::from_millis(5));
    }
    observations
}

fn recorded(event: &StoredEvent) -> RecordedEvent {
    RecordedEvent::new(
        event.origin.id(RUN),
        event.stream.id(),
        Version::new(event.version.into()),
        Position::new(event.position),
        "Checked",
        payload(event.origin),
        SystemTime::UNIX_EPOCH,
    )
}

/// The violations by kind, and the message of the first one.
fn found(
    history: WriterHistory,
    events: Vec<StoredEvent>,
    read: &[StoredEvent],
) -> (Vec<(Violation, u64)>, String) {
    let stored = StoredEvents {
        events,
        foreign: Vec::new(),
    };
    let (verdict, _) = audit(RUN, &[history], &stored, vec![reader(read)]);
    let counts = Violation::ALL.map(|violation| (violation, verdict.count(violation)));
    let first = verdict
        .findings()
        .next()
        .map(|finding| finding.message.clone());
    (
        counts.into_iter().filter(|(_, count)| *count > 0).collect(),
        first.unwrap_or_default(),
    )
}

/// The violations if the store holds these events and the reader saw the same.
fn found_in(events: &[StoredEvent]) -> Vec<(Violation, u64)> {
    found(history(), events.to_vec(), events).0
}

#[test]
fn nothing_is_found_in_a_correct_store() {
    assert_eq!(found_in(&events()), []);
    assert_eq!(
        found_in(&events()[..3]),
        [],
        "an append with an unknown outcome may also be absent"
    );
}

#[test]
fn an_acknowledged_event_that_is_absent_is_lost() {
    assert_eq!(found_in(&events()[1..])[0], (Violation::Lost, 1));
}

#[test]
fn a_lost_event_is_described_with_the_events_around_it() {
    let mut read = events();
    read.remove(2);
    let (kinds, message) = found(history(), events(), &read);
    assert_eq!(kinds, [(Violation::Lost, 1)]);
    let id = event(1, 1, 2, 2, 12).origin.id(RUN);
    for part in [
        &format!("reader 0 never saw check-hot-2@2, position 12, id {id}"),
        "at 0.005 s it read after position 11 and got 2 events up to 21",
        "check-hot-2@1, position 11",
        "check-hot-3@1, position 20",
    ] {
        assert!(message.contains(part), "{part} in: {message}");
    }
}

#[test]
fn an_event_that_a_reader_saw_and_that_is_gone_is_lost() {
    assert_eq!(
        found(history(), events()[..3].to_vec(), &events()).0,
        [(Violation::Lost, 2)]
    );
}

#[test]
fn a_rejected_event_that_is_present_is_unexpected() {
    let mut rejected = history();
    rejected.reject(2);
    assert_eq!(
        found(rejected.clone(), events(), &events()).0,
        [(Violation::Unexpected, 2)]
    );
    let dirty = found(rejected, events()[..3].to_vec(), &events()).0;
    assert_eq!(
        dirty,
        [(Violation::Unexpected, 2)],
        "a reader saw it, and it was rolled back"
    );
}

#[test]
fn an_event_that_nobody_wrote_is_unexpected() {
    let mut more = events();
    more.push(event(9, 0, 4, 1, 30));
    assert_eq!(found_in(&more), [(Violation::Unexpected, 1)]);
}

#[test]
fn a_part_of_an_append_is_torn_whatever_its_outcome() {
    assert_eq!(found_in(&events()[..4]), [(Violation::Torn, 1)]);
    let mut less = events();
    less.remove(2);
    assert_eq!(
        found_in(&less),
        [(Violation::Lost, 1), (Violation::Torn, 1)]
    );
}

#[test]
fn an_event_that_is_present_twice_is_duplicated() {
    let mut twice = events();
    twice.push(event(0, 0, 1, 2, 30));
    let kinds = found(history(), twice, &events()).0;
    assert_eq!(kinds[0], (Violation::Duplicated, 1));
}

#[test]
fn one_of_the_appends_under_a_key_is_present() {
    let again = events().into_iter().skip(3).map(|event| StoredEvent {
        origin: EventOrigin {
            append: 3,
            ..event.origin
        },
        version: event.version + 2,
        position: event.position + 10,
        ..event
    });
    let under_one_key = |acknowledged| {
        let mut history = history();
        let again = history.begin([StreamPart::requested(StreamNumber(3), 2)]);
        history.add_keyed(&[2, again], acknowledged);
        history
    };
    let twice: Vec<_> = events().into_iter().chain(again).collect();
    let none = events()[..3].to_vec();
    let kinds = |acknowledged, events: &[StoredEvent]| {
        found(under_one_key(acknowledged), events.to_vec(), events).0
    };
    assert_eq!(kinds(true, &events()), []);
    assert_eq!(kinds(true, &twice), [(Violation::Duplicated, 1)]);
    assert_eq!(kinds(true, &none), [(Violation::Lost, 1)]);
    assert_eq!(kinds(false, &none), []);
}

#[test]
fn a_missing_version_is_a_gap() {
    let mut gap = events();
    gap[4].version = 3;
    assert_eq!(found_in(&gap), [(Violation::Gap, 1)]);
}

#[test]
fn a_wrong_answer_is_a_mismatch() {
    let moved = |change: fn(&mut StoredEvent)| {
        let mut events = events();
        change(&mut events[2]);
        found_in(&events)
    };
    assert_eq!(
        moved(|event| event.position = 13),
        [(Violation::Mismatch, 1)]
    );
    assert_eq!(
        moved(|event| event.version = 3),
        [(Violation::Gap, 1), (Violation::Mismatch, 1)]
    );
}

#[test]
fn a_read_only_participant_that_changed_is_a_mismatch() {
    let mut history = history();
    let meanwhile = history.begin([StreamPart::requested(StreamNumber(1), 1)]);
    assert_eq!(meanwhile, 3);
    let mut events = events();
    // Between the two events of the append that only checked the stream.
    events[2].position = 13;
    events.insert(2, event(3, 0, 1, 2, 12));
    let kinds = found(history, events.clone(), &events).0;
    assert_eq!(
        kinds,
        [(Violation::Mismatch, 2)],
        "the participant, and the position in the answer"
    );
}

#[test]
fn an_event_that_a_reader_saw_elsewhere_is_a_mismatch() {
    let mut elsewhere = events();
    elsewhere[4].position = 22;
    assert_eq!(
        found(history(), events(), &elsewhere).0,
        [(Violation::Mismatch, 1)]
    );
}

#[test]
fn a_reader_notices_wrong_order_and_repeats_by_itself() {
    let mut swapped = events();
    swapped.swap(3, 4);
    assert_eq!(
        found(history(), events(), &swapped).0[0].0,
        Violation::Reordered
    );
    let mut twice = events();
    twice.insert(1, twice[0]);
    assert_eq!(
        found(history(), events(), &twice).0,
        [(Violation::Duplicated, 1)]
    );
}
