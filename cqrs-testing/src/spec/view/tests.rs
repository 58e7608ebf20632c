use std::panic::catch_unwind;

use cqrs_core::{DocumentKeys, Envelope, Event, View};
use serde::{Deserialize, Serialize};

use crate::Spec;

#[derive(Debug, Serialize, Deserialize)]
enum SeatEvent {
    Taken { row: u32 },
    Freed { row: u32 },
}
impl Event for SeatEvent {
    const CATEGORY: &'static str = "seat";
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
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

#[test]
fn documents_are_exact() {
    let spec = || {
        Spec::view(Rows)
            .given("s1", [SeatEvent::Taken { row: 1 }])
            .given("s2", [SeatEvent::Taken { row: 2 }])
    };
    spec().then([("1", Row { taken: 1 }), ("2", Row { taken: 1 })]);
    spec()
        .given(
            "s1",
            [SeatEvent::Freed { row: 1 }, SeatEvent::Freed { row: 2 }],
        )
        .then_nothing();
    let panic =
        catch_unwind(|| spec().then([("1", Row { taken: 1 })])).expect_err("one is missing");
    let message = panic.downcast_ref::<String>().expect("a formatted message");
    assert!(
        message.contains("  +     \"2\": Row {")
            && message.contains(".given(\"s2\", [SeatEvent::Taken { row: 2 }])"),
        "{message}"
    );
    assert!(
        message.contains(".then([(\"1\", Row { taken: 1 }), (\"2\", Row { taken: 1 })]);"),
        "{message}"
    );
}
