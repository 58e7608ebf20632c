//! Bugs in events and their upcasters.

use std::{collections::HashMap, marker::PhantomData};

use cqrs_core::{Aggregate, Context, Decision, Event, model::Upcaster};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;

/// Takes its commands as events.
#[derive(Debug)]
struct Recorder<E>(PhantomData<E>);
impl<E> Default for Recorder<E> {
    fn default() -> Self {
        Self(PhantomData)
    }
}
impl<E: Event + Clone> Aggregate for Recorder<E> {
    type Command = E;
    type Event = E;
    type Error = std::convert::Infallible;
    fn handle(&self, event: E, _: &Context) -> Decision<Self> {
        Ok(vec![event])
    }
    fn apply(&mut self, _: E) {}
}

fn text<E: Event + Clone + std::fmt::Debug + PartialEq>(
    events: impl Strategy<Value = E> + 'static,
) -> String {
    let laws = AggregateLaws::<Recorder<E>>::new(events).config(config());
    broken(|| laws.events_survive_encoding()).expect("it is broken")
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum DimmedEvent {
    Dimmed {
        #[serde(skip_serializing_if = "is_zero")]
        percent: u8,
    },
}
impl Event for DimmedEvent {
    const CATEGORY: &'static str = "dimmed";
}

fn is_zero(percent: &u8) -> bool {
    *percent == 0
}

#[test]
fn a_field_left_out_without_a_default_is_found() {
    let text = text((0..100_u8).prop_map(|percent| DimmedEvent::Dimmed { percent }));
    assert_eq!(
        text,
        "broken law: events survive encoding

event type `Dimmed` can be written but not read back, so it is not stored: missing field `percent` at line 1 column 2

this test fails until the law holds:

Spec::<Recorder>::new()
    .when(DimmedEvent::Dimmed { percent: 0 })
    .then([DimmedEvent::Dimmed { percent: 0 }]);

PROPTEST_RNG_SEED=1 repeats this run
"
    );
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum SignedEvent {
    Signed {
        #[serde(skip)]
        by: u8,
    },
}
impl Event for SignedEvent {
    const CATEGORY: &'static str = "signed";
}

#[test]
fn a_skipped_field_of_an_event_is_found() {
    let text = text(any::<u8>().prop_map(|by| SignedEvent::Signed { by }));
    let what = "an event changes when it is stored (- expected, + actual):
    Signed {
  -     by: 1,
  +     by: 0,
    }

this test fails until the law holds:

Spec::<Recorder>::new()
    .when(SignedEvent::Signed { by: 1 })
    .then([SignedEvent::Signed { by: 1 }]);
";
    assert!(text.contains(what), "{text}");
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum CountedEvent {
    Counted { by_sku: HashMap<u8, u8> },
}
impl Event for CountedEvent {
    const CATEGORY: &'static str = "counted";
}

#[test]
fn bytes_that_change_are_found() {
    let by_sku = proptest::collection::hash_map(any::<u8>(), any::<u8>(), 0..20);
    let text = text(by_sku.prop_map(|by_sku| CountedEvent::Counted { by_sku }));
    let what = "an event has other bytes when it is encoded again (- expected, + actual):\n  - {\"by_sku\":{";
    assert!(text.contains(what), "{text}");
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum PaidEvent {
    Paid { cents: u64, currency: String },
}
impl Event for PaidEvent {
    const CATEGORY: &'static str = "paid";
    const UPCASTERS: &'static [Upcaster] = &[Upcaster::json("Paid", 1, |old| {
        let currency = old["currency"].as_str().expect("a currency").to_owned();
        old["currency"] = currency.into();
    })];
}

fn any_old_payment() -> impl Strategy<Value = Value> {
    let currency = proptest::option::of(Just("EUR"));
    (any::<u64>(), currency).prop_map(|(cents, currency)| match currency {
        Some(currency) => json!({ "cents": cents, "currency": currency }),
        None => json!({ "cents": cents }),
    })
}

#[test]
fn an_upcaster_that_unwraps_an_optional_key_is_found() {
    let paid = Just(PaidEvent::Paid {
        cents: 1,
        currency: "EUR".into(),
    });
    let laws = AggregateLaws::<Recorder<PaidEvent>>::new(paid).config(config());
    let old = || ("Paid", 1, any_old_payment()).into();
    let text = broken(|| laws.old_events_stay_readable(vec![old()])).expect("it is broken");
    let test = r##"
this test fails until the law holds:

Spec::<Recorder>::new()
    .given_stored("Paid", 1, r#"{"cents":0}"#)
    .then_state(state);
"##;
    assert!(text.contains(": it panicked: a currency\n"), "{text}");
    assert!(text.contains(test), "{text}");
    let with_currency =
        any_old_payment().prop_filter("a currency", |old| old.get("currency").is_some());
    let readable = vec![("Paid", 1, with_currency).into()];
    assert_eq!(broken(|| laws.old_events_stay_readable(readable)), None);
}

#[test]
fn an_event_in_the_catalogue_that_is_not_read_is_found() {
    /// The same events, before the step.
    #[derive(Debug, Serialize, Deserialize)]
    enum PaidEventV1 {
        Paid {
            cents: u64,
            currency: Option<String>,
        },
    }
    impl Event for PaidEventV1 {
        const CATEGORY: &'static str = "paid";
    }
    let folder = tempfolder();
    let file = folder.join("events.lock");
    let laws = AggregateLaws::<Recorder<PaidEvent>>::new(Just(PaidEvent::Paid {
        cents: 1,
        currency: "EUR".into(),
    }));
    let text = broken(|| laws.events_in_the_catalogue_stay_readable(&file)).expect("no file");
    assert!(
        text.contains("has no events of the category `paid`"),
        "{text}"
    );

    let catalogue = crate::Catalogue::new(&folder, "events.lock").events::<PaidEventV1>();
    catalogue.accept().expect("is written");
    let text = broken(|| laws.events_in_the_catalogue_stay_readable(&file));
    std::fs::remove_dir_all(&folder).expect("is removed");
    let text = text.expect("it is broken");
    let test = r##"
this test fails until the law holds:

Spec::<Recorder>::new()
    .given_stored("Paid", 1, r#"{"cents":1,"currency":null}"#)
    .then_state(state);
"##;
    assert!(
        text.starts_with("broken law: events in the catalogue stay readable\n"),
        "{text}"
    );
    assert!(text.contains(": it panicked: a currency\n"), "{text}");
    assert!(text.ends_with(test), "{text}");
}

fn tempfolder() -> std::path::PathBuf {
    let name = format!("cqrs-laws-{}", std::process::id());
    std::env::temp_dir().join(name)
}
