//! The expectations of views, and the full texts of their failures.

use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

use cqrs_core::{DocumentKeys, Envelope, Event, View};
use serde::{Deserialize, Serialize};

use crate::{Spec, ViewSpec, spec::fails::failure};

#[derive(Debug, Serialize, Deserialize)]
enum SeatEvent {
    Taken { row: u32 },
    Freed { row: u32 },
}
impl Event for SeatEvent {
    const CATEGORY: &'static str = "seat";
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Row {
    taken: u32,
}

#[derive(Debug)]
struct Rows;

impl View for Rows {
    const NAME: &'static str = "rows";
    type Events = SeatEvent;
    type Document = Row;

    fn keys(&self, event: &Envelope<SeatEvent>) -> DocumentKeys {
        let (SeatEvent::Taken { row } | SeatEvent::Freed { row }) = &event.event;
        row.to_string().into()
    }

    fn apply(&self, _: &str, row: Option<Row>, event: &Envelope<SeatEvent>) -> Option<Row> {
        let taken = row.map_or(0, |row| row.taken);
        match &event.event {
            SeatEvent::Taken { .. } => Some(Row { taken: taken + 1 }),
            SeatEvent::Freed { .. } => (taken > 1).then(|| Row { taken: taken - 1 }),
        }
    }
}

fn two_seats() -> ViewSpec<Rows> {
    Spec::view(Rows)
        .given("s1", [SeatEvent::Taken { row: 1 }])
        .given("s2", [SeatEvent::Taken { row: 2 }])
}

#[test]
fn a_met_expectation_passes() {
    two_seats().then([("1", Row { taken: 1 }), ("2", Row { taken: 1 })]);
    two_seats()
        .given("s1", [SeatEvent::Freed { row: 1 }])
        .when("s1", SeatEvent::Freed { row: 2 })
        .then_nothing();
}

#[test]
fn other_documents_fail_with_the_difference_and_a_test() {
    let text = failure(|| {
        two_seats()
            .when("s1", SeatEvent::Taken { row: 1 })
            .then([("1", Row { taken: 1 })]);
    });
    assert_eq!(
        text,
        r#"documents differ (- expected, + actual):
    {
        "1": Row {
  +         taken: 2,
  +     },
  +     "2": Row {
            taken: 1,
        },
    }

this would pass:

Spec::view(Rows)
    .given("s1", [SeatEvent::Taken { row: 1 }])
    .given("s2", [SeatEvent::Taken { row: 2 }])
    .when("s1", SeatEvent::Taken { row: 1 })
    .then([("1", Row { taken: 2 }), ("2", Row { taken: 1 })]);
"#
    );
}

#[test]
fn events_that_come_again_count_as_far_as_the_view_counts_them() {
    two_seats()
        .again()
        .then([("1", Row { taken: 2 }), ("2", Row { taken: 2 })]);
}

#[test]
fn a_rebuild_handles_all_events_again() {
    two_seats()
        .rebuild()
        .then([("1", Row { taken: 1 }), ("2", Row { taken: 1 })]);
}

#[derive(Debug, Serialize, Deserialize)]
enum BillEvent {
    Paid,
}
impl Event for BillEvent {
    const CATEGORY: &'static str = "bill";
}

#[test]
fn an_event_of_a_category_that_is_not_read_fails() {
    assert_eq!(
        failure(|| Spec::view(Rows)
            .given("b", [BillEvent::Paid])
            .then_nothing()),
        "BillEvent::Paid cannot be received: events of category `bill` are not read; these are: seat"
    );
}

/// Shows how the last event of a stream was recorded.
#[derive(Debug)]
struct LastEvents;

impl View for LastEvents {
    const NAME: &'static str = "last events";
    type Events = SeatEvent;
    type Document = String;

    fn keys(&self, event: &Envelope<SeatEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(&self, _: &str, _: Option<String>, event: &Envelope<SeatEvent>) -> Option<String> {
        let recorded = &event.recorded;
        let at = recorded.recorded_at.duration_since(SystemTime::UNIX_EPOCH);
        let user = recorded.metadata.headers.get("user");
        let seconds = at.expect("after 1970").as_secs();
        Some(format!("{recorded}, {seconds} s, by {user:?}"))
    }
}

#[test]
fn an_event_is_recorded_as_in_a_store() {
    let later = SystemTime::UNIX_EPOCH + Duration::from_secs(9);
    let taken = || SeatEvent::Taken { row: 1 };
    let last = |text: &str| ("s1", text.to_owned());
    Spec::view(LastEvents)
        .given("s2", [taken()])
        .at(later)
        .header("user", "ann")
        .given("s1", [taken(), SeatEvent::Freed { row: 1 }])
        .then([
            (
                "s2",
                "seat-s2@1 (Taken), position 1, 0 s, by None".to_owned(),
            ),
            last("seat-s1@2 (Freed), position 3, 9 s, by Some(\"ann\")"),
        ]);
    Spec::view(LastEvents)
        .given_stored::<SeatEvent>("s1", "Taken", 1, r#"{"row":1}"#)
        .then([last("seat-s1@1 (Taken), position 1, 0 s, by None")]);
}

#[test]
fn the_test_to_paste_sets_how_events_are_recorded() {
    let later = SystemTime::UNIX_EPOCH + Duration::from_secs(9);
    let text = failure(move || {
        Spec::view(Rows)
            .at(later)
            .header("user", "ann")
            .given_stored::<SeatEvent>("s1", "Taken", 1, r#"{"row":1}"#)
            .again()
            .then_nothing();
    });
    let test = r##"
Spec::view(Rows)
    .at(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(9))
    .header("user", "ann")
    .given_stored::<SeatEvent>("s1", "Taken", 1, r#"{"row":1}"#)
    .again()
    .then([("1", Row { taken: 2 })]);
"##;
    assert!(text.ends_with(test), "{text}");
}

/// Counts the seats of a row in a field that is not stored.
#[derive(Debug)]
struct Forgetful;

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Halls {
    #[serde(skip)]
    taken: u32,
    halls: HashMap<(u32, u32), u32>,
}

impl View for Forgetful {
    const NAME: &'static str = "forgetful";
    type Events = SeatEvent;
    type Document = Halls;

    fn keys(&self, _: &Envelope<SeatEvent>) -> DocumentKeys {
        "all".into()
    }

    fn apply(&self, _: &str, halls: Option<Halls>, event: &Envelope<SeatEvent>) -> Option<Halls> {
        let mut halls = halls.unwrap_or_default();
        match &event.event {
            SeatEvent::Taken { .. } => halls.taken += 1,
            SeatEvent::Freed { row } => drop(halls.halls.insert((*row, 1), 0)),
        }
        Some(halls)
    }
}

#[test]
fn documents_are_json_between_two_calls() {
    let taken = || SeatEvent::Taken { row: 1 };
    Spec::view(Forgetful)
        .given("s1", [taken(), taken()])
        .then([("all", Halls::default())]);
    let text = failure(move || {
        let freed = SeatEvent::Freed { row: 1 };
        Spec::view(Forgetful).when("s1", freed).then_nothing();
    });
    assert_eq!(
        text,
        "the document \"all\" cannot be written as JSON: key must be a string"
    );
}
