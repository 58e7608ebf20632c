//! Each kind of breach, made by hand, is found and nothing else is.

use std::time::{Duration, SystemTime};

use cqrs_core::{
    Appended, Metadata, Position, RecordedEvent, Version,
    model::{Checkpoint, Slices},
    ports::LogPage,
};

use super::audit;
use crate::{
    books::{Ledger, Part},
    names::{EventNumber, Run, StreamNumber},
    sightings::{Sightings, Taste, payload},
    truth::{Fact, Truth},
    verdict::Kind,
};

const RUN: Run = Run::new(7);

/// Two acknowledged appends and one of two events whose outcome is unknown, on a stream each; stream 1 was guarded at
/// version 1 when stream 2 was written to.
fn books() -> Ledger {
    let mut ledger = Ledger::default();
    let landed = |stream, version, position| Appended {
        stream: StreamNumber(stream).id(),
        before: Version::EMPTY,
        version: Version::new(version),
        position: Some(Position::new(position)),
        repeated: false,
    };
    let part = |stream, events| Part::asked(StreamNumber(stream), events);
    let first = ledger.open([part(1, 1)]);
    ledger.acknowledge(first, &[landed(1, 1, 10)]);
    let second = ledger.open([part(2, 2), part(1, 0)]);
    ledger.acknowledge(second, &[landed(2, 2, 12), landed(1, 1, 0)]);
    ledger.open([part(3, 2)]);
    ledger
}

fn fact(append: u32, index: u8, stream: u32, version: u32, position: u64) -> Fact {
    let number = EventNumber {
        writer: 0,
        append,
        index,
    };
    Fact {
        position,
        stream: StreamNumber(stream),
        version,
        number,
    }
}

/// What the store holds if all went well; the unknown one happened.
fn facts() -> Vec<Fact> {
    vec![
        fact(0, 0, 1, 1, 10),
        fact(1, 0, 2, 1, 11),
        fact(1, 1, 2, 2, 12),
        fact(2, 0, 3, 1, 20),
        fact(2, 1, 3, 2, 21),
    ]
}

/// A reader that has met these events, in pages of two.
fn reader(facts: &[Fact]) -> Sightings {
    let taste = Taste {
        slices: Slices::ALL,
        reads: &[],
        page: 2,
    };
    let mut sightings = Sightings::new(RUN, 0, taste);
    for facts in facts.chunks(2) {
        let events: Vec<_> = facts.iter().map(recorded).collect();
        let upto = events
            .last()
            .map(|event| Checkpoint::behind(event.position, event.id));
        sightings.take(&LogPage { events, upto }, Duration::from_millis(5));
    }
    sightings
}

fn recorded(fact: &Fact) -> RecordedEvent {
    RecordedEvent {
        id: fact.number.id(RUN),
        stream: fact.stream.id(),
        version: Version::new(fact.version.into()),
        position: Position::new(fact.position),
        event_type: "Checked".into(),
        schema_version: 1,
        payload: payload(fact.number).into(),
        metadata: Metadata::default(),
        recorded_at: SystemTime::UNIX_EPOCH,
        lane: None,
    }
}

/// What is found, kind by kind, and the first finding.
fn found(books: Ledger, facts: Vec<Fact>, read: &[Fact]) -> (Vec<(Kind, u64)>, String) {
    let truth = Truth {
        facts,
        strangers: Vec::new(),
    };
    let (verdict, _) = audit(RUN, &[books], &truth, vec![reader(read)]);
    let counts = Kind::ALL.map(|kind| (kind, verdict.count(kind)));
    let first = verdict
        .findings()
        .next()
        .map(|finding| finding.told.clone());
    (
        counts.into_iter().filter(|(_, count)| *count > 0).collect(),
        first.unwrap_or_default(),
    )
}

/// The same in the store and for the reader.
fn found_in(facts: &[Fact]) -> Vec<(Kind, u64)> {
    found(books(), facts.to_vec(), facts).0
}

#[test]
fn what_was_kept_is_found_to_be_kept() {
    assert_eq!(found_in(&facts()), []);
    assert_eq!(
        found_in(&facts()[..3]),
        [],
        "unknown may also mean: none of it"
    );
}

#[test]
fn an_acknowledged_event_that_is_not_there_is_lost() {
    assert_eq!(found_in(&facts()[1..])[0], (Kind::Lost, 1));
}

#[test]
fn an_event_that_a_reader_never_saw_is_lost_and_told_with_what_it_saw_around_it() {
    let mut read = facts();
    read.remove(2);
    let (kinds, told) = found(books(), facts(), &read);
    assert_eq!(kinds, [(Kind::Lost, 1)]);
    let id = fact(1, 1, 2, 2, 12).number.id(RUN);
    for part in [
        &format!("reader 0 never saw check-hot-2@2, position 12, id {id}"),
        "at 0.005 s it asked for what lies behind 11 and got 2 events up to 21",
        "check-hot-2@1, position 11",
        "check-hot-3@1, position 20",
    ] {
        assert!(told.contains(part), "{part} in: {told}");
    }
}

#[test]
fn an_event_that_a_reader_saw_and_that_is_gone_is_lost() {
    assert_eq!(
        found(books(), facts()[..3].to_vec(), &facts()).0,
        [(Kind::Lost, 2)]
    );
}

#[test]
fn an_event_that_was_refused_and_is_there_has_appeared() {
    let mut refused = books();
    refused.refuse(2);
    assert_eq!(
        found(refused.clone(), facts(), &facts()).0,
        [(Kind::Appeared, 2)]
    );
    let dirty = found(refused, facts()[..3].to_vec(), &facts()).0;
    assert_eq!(
        dirty,
        [(Kind::Appeared, 2)],
        "a reader saw it, and it was rolled back"
    );
}

#[test]
fn an_event_of_which_the_books_know_nothing_has_appeared() {
    let mut more = facts();
    more.push(fact(9, 0, 4, 1, 30));
    assert_eq!(found_in(&more), [(Kind::Appeared, 1)]);
}

#[test]
fn a_part_of_an_append_is_torn_whatever_its_outcome() {
    assert_eq!(found_in(&facts()[..4]), [(Kind::Torn, 1)]);
    let mut less = facts();
    less.remove(2);
    assert_eq!(found_in(&less), [(Kind::Lost, 1), (Kind::Torn, 1)]);
}

#[test]
fn an_event_that_is_there_twice_is_doubled() {
    let mut twice = facts();
    twice.push(fact(0, 0, 1, 2, 30));
    let kinds = found(books(), twice, &facts()).0;
    assert_eq!(kinds[0], (Kind::Doubled, 1));
}

#[test]
fn what_was_sent_under_one_key_is_there_once() {
    let again = facts().into_iter().skip(3).map(|fact| Fact {
        number: EventNumber {
            append: 3,
            ..fact.number
        },
        version: fact.version + 2,
        position: fact.position + 10,
        ..fact
    });
    let under_one_key = |owed| {
        let mut books = books();
        let again = books.open([Part::asked(StreamNumber(3), 2)]);
        books.once([2, again], owed);
        books
    };
    let twice: Vec<_> = facts().into_iter().chain(again).collect();
    let none = facts()[..3].to_vec();
    let kinds = |owed, facts: &[Fact]| found(under_one_key(owed), facts.to_vec(), facts).0;
    assert_eq!(kinds(true, &facts()), []);
    assert_eq!(kinds(true, &twice), [(Kind::Doubled, 1)]);
    assert_eq!(kinds(true, &none), [(Kind::Lost, 1)]);
    assert_eq!(kinds(false, &none), []);
}

#[test]
fn a_version_that_is_left_out_is_a_gap() {
    let mut gap = facts();
    gap[4].version = 3;
    assert_eq!(found_in(&gap), [(Kind::Gap, 1)]);
}

#[test]
fn an_answer_that_is_not_true_disagrees() {
    let moved = |change: fn(&mut Fact)| {
        let mut facts = facts();
        change(&mut facts[2]);
        found_in(&facts)
    };
    assert_eq!(moved(|fact| fact.position = 13), [(Kind::Disagrees, 1)]);
    assert_eq!(
        moved(|fact| fact.version = 3),
        [(Kind::Gap, 1), (Kind::Disagrees, 1)]
    );
}

#[test]
fn a_guard_that_did_not_hold_disagrees() {
    let mut books = books();
    let meanwhile = books.open([Part::asked(StreamNumber(1), 1)]);
    assert_eq!(meanwhile, 3);
    let mut facts = facts();
    // Between the two events of the append that had guarded the stream.
    facts[2].position = 13;
    facts.insert(2, fact(3, 0, 1, 2, 12));
    let kinds = found(books, facts.clone(), &facts).0;
    assert_eq!(
        kinds,
        [(Kind::Disagrees, 2)],
        "the guard, and the position that was answered"
    );
}

#[test]
fn a_reader_that_saw_an_event_at_another_place_disagrees() {
    let mut elsewhere = facts();
    elsewhere[4].position = 22;
    assert_eq!(
        found(books(), facts(), &elsewhere).0,
        [(Kind::Disagrees, 1)]
    );
}

#[test]
fn a_reader_notices_order_and_repeats_itself() {
    let mut swapped = facts();
    swapped.swap(3, 4);
    assert_eq!(found(books(), facts(), &swapped).0[0].0, Kind::Reordered);
    let mut twice = facts();
    twice.insert(1, twice[0]);
    assert_eq!(found(books(), facts(), &twice).0, [(Kind::Doubled, 1)]);
}
