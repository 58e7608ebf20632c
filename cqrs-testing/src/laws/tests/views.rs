//! Planted bugs in views.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU32, Ordering},
};

use cqrs_core::{Aggregate, Context, Decision, DocumentKeys, Envelope, Event, View};
use proptest::prelude::*;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::*;
use crate::{
    Spec,
    laws::{Stream, ViewLaws},
    spec::fails::failure,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum SeatEvent {
    Taken { row: u8 },
    Freed { row: u8 },
}
impl Event for SeatEvent {
    const CATEGORY: &'static str = "seat";
}

fn row(event: &SeatEvent) -> u8 {
    let (SeatEvent::Taken { row } | SeatEvent::Freed { row }) = event;
    *row
}

fn any_event() -> impl Strategy<Value = SeatEvent> {
    let taken = any::<u8>().prop_map(|row| SeatEvent::Taken { row });
    let freed = any::<u8>().prop_map(|row| SeatEvent::Freed { row });
    prop_oneof![taken, freed]
}

fn streams() -> Vec<Stream> {
    vec![("a", any_event()).into(), ("b", any_event()).into()]
}

/// Declares a view with one document.
macro_rules! view {
    ($(#[$meta:meta])* $view:ident { $($field:ident: $type:ty)? }, $document:ty, $apply:expr) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        struct $view { $($field: $type)? }
        impl View for $view {
            const NAME: &'static str = stringify!($view);
            type Events = SeatEvent;
            type Document = $document;
            fn keys(&self, _: &Envelope<SeatEvent>) -> DocumentKeys {
                "all".into()
            }
            fn apply(&self, _: &str, document: Option<$document>, event: &Envelope<SeatEvent>) -> Option<$document> {
                let apply: fn(&Self, $document, &Envelope<SeatEvent>) -> $document = $apply;
                Some(apply(self, document.unwrap_or_default(), event))
            }
        }
    };
}

fn laws<V: View<Document: std::fmt::Debug> + Default>() -> ViewLaws<fn() -> V> {
    let view: fn() -> V = V::default;
    ViewLaws::new(view, streams()).config(config())
}

fn broken_laws_of<V>() -> Vec<&'static str>
where
    V: View<Document: std::fmt::Debug + DeserializeOwned> + Default,
{
    broken_laws!(
        laws::<V>(),
        a_view_never_panics()
        batches_make_no_difference_to_a_view()
        a_rebuilt_view_is_the_same()
        the_order_between_streams_makes_no_difference()
        duplicates_make_no_difference()
    )
}

view!(
    /// The highest row: a duplicate or another order makes no difference.
    Highest {}, u8, |_, highest, event| highest.max(row(event))
);

#[test]
fn a_view_without_bugs_breaks_no_law() {
    assert_eq!(broken_laws_of::<Highest>(), Vec::<&str>::new());
}

view!(
    /// Panics on a high row.
    Cramped {}, u8, |_, highest, event| {
        assert!(row(event) < 200, "there is no such row");
        highest.max(row(event))
    }
);

#[test]
fn a_panic_in_a_view_is_found() {
    assert_eq!(broken_laws_of::<Cramped>(), ["a_view_never_panics"]);
    let text = broken(|| laws::<Cramped>().a_view_never_panics()).expect("it is broken");
    assert_eq!(
        text,
        "broken law: a view never panics

it panicked: there is no such row

this test fails until the law holds:

Spec::view(Cramped)
    .when(\"a\", SeatEvent::Freed { row: 200 })
    .then_nothing();

PROPTEST_RNG_SEED=1 repeats this run
"
    );
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Seats {
    taken: u32,
    #[serde(skip)]
    first: Option<u8>,
    is_first: bool,
}

view!(
    /// Keeps the first row in a field that is not stored.
    Skipping {}, Seats, |_, mut seats, event| {
        let first = *seats.first.get_or_insert(row(event));
        seats.is_first = first == row(event);
        seats
    }
);

#[test]
fn a_skipped_field_of_a_document_is_found() {
    let text =
        broken(|| laws::<Skipping>().batches_make_no_difference_to_a_view()).expect("it is broken");
    assert_eq!(
        text,
        r#"broken law: batches make no difference to a view

the documents after one batch and after several differ (- expected, + actual):
    {
        "all": Seats {
            taken: 0,
            first: None,
  -         is_first: false,
  +         is_first: true,
        },
    }

this test fails until the law holds:

Spec::view(Skipping)
    .given("a", [SeatEvent::Freed { row: 0 }])
    .when("a", SeatEvent::Taken { row: 1 })
    .then([("all", Seats { taken: 0, first: None, is_first: false })]);

PROPTEST_RNG_SEED=1 repeats this run
"#
    );
    failure(|| {
        Spec::view(Skipping {})
            .given("a", [SeatEvent::Freed { row: 0 }])
            .when("a", SeatEvent::Taken { row: 1 })
            .then([(
                "all",
                Seats {
                    taken: 0,
                    first: None,
                    is_first: false,
                },
            )]);
    });
}

view!(
    /// A document that cannot be written as JSON.
    Paired {}, HashMap<(u8, u8), u8>, |_, mut rows, event| {
        rows.insert((row(event), 0), 1);
        rows
    }
);

#[test]
fn a_document_that_is_not_json_is_found() {
    let text =
        broken(|| laws::<Paired>().batches_make_no_difference_to_a_view()).expect("it is broken");
    let test = "the document \"all\" cannot be written as JSON: key must be a string

this test fails until the law holds:

Spec::view(Paired)
    .when(\"a\", SeatEvent::Taken { row: 0 })
    .then_nothing();
";
    assert!(text.contains(test), "{text}");
}

view!(
    /// Counts in the view, not in the document.
    Remembering { events: AtomicU32 }, u32, |view, _, _| view.events.fetch_add(1, Ordering::Relaxed)
);

#[test]
fn a_state_in_the_view_is_found() {
    let broken_laws = broken_laws_of::<Remembering>();
    let rebuilt = "a_rebuilt_view_is_the_same";
    assert!(broken_laws.contains(&rebuilt), "{broken_laws:?}");
    let text = broken(|| laws::<Remembering>().a_rebuilt_view_is_the_same()).expect("it is broken");
    let test = "
// `view`: as in the test that failed.
Spec::view(view)
    .when(\"a\", SeatEvent::Taken { row: 0 })
    .rebuild()
    .then([(\"all\", 0)]);
";
    assert!(text.contains(test), "{text}");
    failure(|| {
        Spec::view(Remembering::default())
            .when("a", SeatEvent::Taken { row: 0 })
            .rebuild()
            .then([("all", 0)]);
    });
}

view!(
    /// The row of the last event of any stream.
    LastWriter {}, u8, |_, _, event| row(event)
);

#[test]
fn the_last_writer_across_streams_is_found() {
    assert_eq!(
        broken_laws_of::<LastWriter>(),
        ["the_order_between_streams_makes_no_difference"]
    );
    let laws = laws::<LastWriter>();
    let text =
        broken(|| laws.the_order_between_streams_makes_no_difference()).expect("it is broken");
    assert_eq!(
        text,
        r#"broken law: the order between streams makes no difference

the documents after another order of the streams differ (- expected, + actual):
    {
  -     "all": 1,
  +     "all": 0,
    }

this test fails until the law holds:

Spec::view(LastWriter)
    .given("a", [SeatEvent::Taken { row: 1 }])
    .when("b", SeatEvent::Taken { row: 0 })
    .then([("all", 1)]);

PROPTEST_RNG_SEED=1 repeats this run
"#
    );
}

view!(
    /// Counts events.
    Counting {}, u32, |_, count, _| count + 1
);

#[test]
fn a_duplicate_that_counts_is_found() {
    assert_eq!(
        broken_laws_of::<Counting>(),
        ["duplicates_make_no_difference"]
    );
    let text = broken(|| laws::<Counting>().duplicates_make_no_difference()).expect("it is broken");
    let test = "
Spec::view(Counting)
    .when(\"a\", SeatEvent::Taken { row: 0 })
    .again()
    .then([(\"all\", 1)]);
";
    assert!(text.contains(test), "{text}");
}

view!(
    /// Counts events, and begins again with the first one.
    Resetting {}, u32, |_, count, event| {
        if event.recorded.position == cqrs_core::Position::new(1) { 1 } else { count + 1 }
    }
);

#[test]
fn a_duplicate_of_the_last_event_alone_is_found() {
    assert_eq!(
        broken_laws_of::<Resetting>(),
        [
            "the_order_between_streams_makes_no_difference",
            "duplicates_make_no_difference"
        ]
    );
    let text =
        broken(|| laws::<Resetting>().duplicates_make_no_difference()).expect("it is broken");
    let test = "
    .again_last(1)
    .then([(\"all\", 2)]);
";
    assert!(text.contains(test), "{text}");
}

/// A seat that is taken and freed at once: the last event is never `Taken`.
#[derive(Debug, Default)]
struct Glance;
impl Aggregate for Glance {
    type Command = u8;
    type Event = SeatEvent;
    type Error = std::convert::Infallible;
    fn handle(&self, row: u8, _: &Context) -> Decision<Self> {
        Ok(vec![SeatEvent::Taken { row }, SeatEvent::Freed { row }])
    }
    fn apply(&mut self, _: SeatEvent) {}
}

/// Counts how often a seat was taken, and passes over what is older than the last event of the seat, but not that one.
#[derive(Debug, Default)]
struct Takings;
impl View for Takings {
    const NAME: &'static str = "takings";
    type Events = SeatEvent;
    type Document = (u64, u32);
    fn keys(&self, event: &Envelope<SeatEvent>) -> DocumentKeys {
        event.id().into()
    }
    fn apply(
        &self,
        _: &str,
        takings: Option<(u64, u32)>,
        event: &Envelope<SeatEvent>,
    ) -> Option<(u64, u32)> {
        let (last, count) = takings.unwrap_or_default();
        let version = event.recorded.version.get();
        let counts = version >= last && matches!(event.event, SeatEvent::Taken { .. });
        Some((last.max(version), count + u32::from(counts)))
    }
}

/// Detects a law that repeats only all events, or the last ones.
#[test]
fn a_duplicate_that_counts_only_in_between_is_found() {
    let streams = vec![("a", crate::laws::history_of::<Glance>(any::<u8>())).into()];
    let laws = ViewLaws::new(Takings::default, streams).config(config());
    let text = broken(|| laws.duplicates_make_no_difference()).expect("it is broken");
    let test = "
Spec::view(Takings)
    .when(\"a\", SeatEvent::Taken { row: 0 })
    .again_last(1)
    .when(\"a\", SeatEvent::Freed { row: 0 })
    .again_last(1)
    .then([(\"a\", (2, 1))]);
";
    assert!(
        text.contains("after each event came twice in a row differ"),
        "{text}"
    );
    assert!(text.contains(test), "{text}");
    failure(|| {
        Spec::view(Takings)
            .when("a", SeatEvent::Taken { row: 0 })
            .again_last(1)
            .when("a", SeatEvent::Freed { row: 0 })
            .again_last(1)
            .then([("a", (2, 1))]);
    });
}
