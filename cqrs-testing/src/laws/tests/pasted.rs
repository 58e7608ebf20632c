//! What a broken law prints compiles, and fails until the law holds: the texts are checked in, and are tests themselves.

use std::sync::atomic::{AtomicU8, Ordering};

use cqrs_core::{
    Aggregate, Context, Decision, DocumentKeys, Envelope, Event, Reactor, To, View, model::Upcaster,
};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::*;
use crate::{
    laws::{AggregateLaws, ReactorLaws, ViewLaws},
    spec::fails::printed,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum BagEvent {
    Filled { sizes: Vec<u8>, name: String },
}
impl Event for BagEvent {
    const CATEGORY: &'static str = "bag";
    const UPCASTERS: &'static [Upcaster] = &[Upcaster::json("Filled", 1, |old| {
        old["name"] = "old".into();
    })];
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Bag<const N: usize> {
    sizes: Vec<u8>,
    #[serde(skip)]
    events: u32,
}
impl<const N: usize> Aggregate for Bag<N> {
    type Command = Vec<u8>;
    type Event = BagEvent;
    type Error = std::convert::Infallible;
    fn handle(&self, sizes: Vec<u8>, _: &Context) -> Decision<Self> {
        let name = "new".to_owned();
        Ok(vec![BagEvent::Filled { sizes, name }])
    }
    fn apply(&mut self, BagEvent::Filled { sizes, name }: BagEvent) {
        assert_ne!(name, "old", "a new name");
        self.sizes.extend(sizes);
        self.events += 1;
    }
}

/// Shows what was put in first, which it keeps in a field that is not stored.
#[derive(Debug)]
struct First(u8);
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Sizes {
    last: Vec<u8>,
    #[serde(skip)]
    count: u8,
    is_first: bool,
}
impl View for First {
    const NAME: &'static str = "first";
    type Events = BagEvent;
    type Document = Sizes;
    fn keys(&self, event: &Envelope<BagEvent>) -> DocumentKeys {
        event.id().into()
    }
    fn apply(&self, _: &str, sizes: Option<Sizes>, event: &Envelope<BagEvent>) -> Option<Sizes> {
        let BagEvent::Filled { sizes: last, .. } = &event.event;
        let count = sizes.map_or(self.0, |sizes| sizes.count + 1);
        Some(Sizes {
            last: last.clone(),
            count,
            is_first: count == self.0,
        })
    }
}

/// Sends the largest number so far.
#[derive(Debug)]
struct Largest(AtomicU8);
impl Reactor for Largest {
    const NAME: &'static str = "largest";
    type Events = BagEvent;
    type Commands = To<Bag<3>>;
    fn react(&self, event: &Envelope<BagEvent>) -> Vec<To<Bag<3>>> {
        let BagEvent::Filled { sizes, .. } = &event.event;
        let most = sizes.iter().copied().max().unwrap_or_default();
        let before = self.0.fetch_max(most, Ordering::Relaxed);
        vec![To::new(event.id(), vec![before.max(most)])]
    }
}

fn any_sizes() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(1..9_u8, 1..3)
}

fn any_event() -> impl Strategy<Value = BagEvent> {
    any_sizes().prop_map(|sizes| BagEvent::Filled {
        sizes,
        name: "new".into(),
    })
}

/// The printed tests, as the source of a module.
fn printed_tests() -> String {
    let test = |name: &str, law: &dyn Fn()| {
        let text = broken(law).expect("it is broken");
        let text = printed(&text).replace('\n', "\n    ");
        format!("#[test]\n#[should_panic]\nfn {name}() {{\n    {text}\n}}\n")
    };
    let bag = || AggregateLaws::<Bag<3>>::new(any_sizes()).config(config());
    let old = || vec![("Filled", 1, Just(serde_json::json!({ "sizes": [1] }))).into()];
    let streams = || vec![("a", any_event()).into()];
    let first = || ViewLaws::new(|| First(3), streams()).written("First(3)");
    let largest = || {
        let role = || Largest(AtomicU8::new(0));
        ReactorLaws::new(role, streams()).written("Largest(AtomicU8::new(0))")
    };
    [
        test("a_snapshot_changes_the_state", &|| {
            bag().a_snapshot_at_any_cut_is_transparent();
        }),
        test("an_old_event_is_not_taken", &|| {
            bag().old_events_stay_readable(old());
        }),
        test("a_batch_changes_the_documents", &|| {
            first()
                .config(config())
                .batches_make_no_difference_to_a_view();
        }),
        test("an_event_changes_the_next_command", &|| {
            let laws = largest().config(config());
            laws.earlier_events_make_no_difference_to_a_reactor();
        }),
    ]
    .join("\n")
}

#[test]
fn the_printed_tests_are_those_that_are_compiled() {
    let printed = printed_tests();
    assert!(
        printed == include_str!("pasted/printed.rs"),
        "laws/tests/pasted/printed.rs should be:\n\n{printed}"
    );
}

/// What was printed, compiled and run.
#[allow(clippy::all, clippy::str_to_string, reason = "it is as it was printed")]
mod tests_to_paste {
    use super::*;
    use crate::Spec;

    include!("pasted/printed.rs");
}
