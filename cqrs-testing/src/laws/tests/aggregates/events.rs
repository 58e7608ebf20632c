//! Bugs in events.

use std::{collections::HashMap, marker::PhantomData};

use cqrs_core::{Aggregate, Context, Decision, Event};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;

/// Takes its commands as events.
#[derive(Debug)]
pub(super) struct Recorder<E>(PhantomData<E>);
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

Spec::<Recorder<DimmedEvent>>::new()
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

Spec::<Recorder<SignedEvent>>::new()
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
    let seen = "\nno specification shows that; it was seen here:\n\nSpec::<Recorder";
    assert!(text.contains(seen), "{text}");
}
