//! Guarantee of every store: a value is read back as it was written, or it is refused when it is written.

use std::collections::BTreeMap;

use cqrs_core::{
    Aggregate, CommandStore, Context, Decision, DocumentKeys, Envelope, Event, ReadModel, Runner,
    SnapshotPolicy, Store, StoreErrorKind, View, role,
};
use proptest::{
    prelude::*,
    strategy::{Strategy, ValueTree},
    test_runner::TestRunner,
};
use serde::{Deserialize, Serialize};

/// The values that a JSON parser, a column of a database or a missing value may change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum ShapeEvent {
    /// Floats of both sizes.
    Floats(f64, f32),
    /// The widest integers.
    Wide {
        /// Up to 2^128.
        unsigned: u128,
        /// From -2^127 to 2^127.
        signed: i128,
    },
    /// The integers beyond the exact range of a float.
    Long(u64, i64),
    /// Values that may be missing.
    Missing {
        /// A float that may be missing.
        float: Option<f64>,
        /// A value that may be missing inside one that may be missing.
        nested: Option<Option<u64>>,
        /// Nothing, or a value without content.
        unit: Option<()>,
    },
    /// A value whose shape tells what it is.
    Either(Either),
    /// Values under keys.
    Keyed(BTreeMap<String, Vec<f64>>),
    /// No content.
    Nothing,
}

/// An integer or a float: only the digits tell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Either {
    /// An integer.
    Integer(i64),
    /// A float.
    Float(f64),
}

impl Event for ShapeEvent {
    const CATEGORY: &'static str = "shape";
}

/// Remembers every event that it was given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Shapes {
    seen: Vec<ShapeEvent>,
}

impl Aggregate for Shapes {
    type Command = ShapeEvent;
    type Event = ShapeEvent;
    type Error = std::convert::Infallible;

    fn handle(&self, event: ShapeEvent, _: &Context) -> Decision<Self> {
        Ok(vec![event])
    }

    fn apply(&mut self, event: ShapeEvent) {
        self.seen.push(event);
    }
}

/// The events of each aggregate, in one document.
#[derive(Debug)]
pub struct SeenShapes;

impl View for SeenShapes {
    const NAME: &'static str = "shapes";
    type Events = ShapeEvent;
    type Document = Shapes;

    fn keys(&self, event: &Envelope<ShapeEvent>) -> DocumentKeys {
        event.id().into()
    }

    fn apply(
        &self,
        _: &str,
        shapes: Option<Shapes>,
        event: &Envelope<ShapeEvent>,
    ) -> Option<Shapes> {
        let mut shapes = shapes.unwrap_or_default();
        shapes.apply(event.event.clone());
        Some(shapes)
    }
}

fn float() -> impl Strategy<Value = f64> {
    let special = [
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        5e-324,
        1e16,
        1e-7,
        0.1 + 0.2,
    ];
    prop_oneof![any::<f64>(), proptest::sample::select(special.to_vec())]
}

fn shape() -> impl Strategy<Value = ShapeEvent> {
    let either = prop_oneof![
        any::<i64>().prop_map(Either::Integer),
        float().prop_map(Either::Float)
    ];
    prop_oneof![
        (float(), any::<f32>()).prop_map(|(wide, narrow)| ShapeEvent::Floats(wide, narrow)),
        any::<(u128, i128)>().prop_map(|(unsigned, signed)| ShapeEvent::Wide { unsigned, signed }),
        any::<(u64, i64)>().prop_map(|(unsigned, signed)| ShapeEvent::Long(unsigned, signed)),
        (proptest::option::of(float()), any::<Option<u64>>()).prop_map(|(float, inner)| {
            let nested = inner.map(Some);
            ShapeEvent::Missing {
                float,
                nested,
                unit: None,
            }
        }),
        either.prop_map(ShapeEvent::Either),
        proptest::collection::btree_map(
            "[a-z]{0,5}",
            proptest::collection::vec(float(), 0..3),
            0..3
        )
        .prop_map(ShapeEvent::Keyed),
        Just(ShapeEvent::Nothing),
    ]
}

/// A hundred events that can be written.
///
/// # Panics
/// Never: every strategy of this module makes values.
#[must_use]
pub fn samples() -> Vec<ShapeEvent> {
    let mut runner = TestRunner::deterministic();
    let mut sample = || {
        shape()
            .new_tree(&mut runner)
            .expect("makes a value")
            .current()
    };
    (0..100).map(|_| sample()).collect()
}

/// Appends the samples to the aggregate called `id`, and returns its expected state.
///
/// # Panics
/// When one is refused.
pub async fn append_samples<S: Store>(store: &S, id: &str) -> Shapes {
    let shapes = store.repository::<Shapes>();
    for event in samples() {
        shapes.execute(id, event).await.expect("can be written");
    }
    Shapes { seen: samples() }
}

/// The document of the view for the aggregate called `id`.
///
/// # Panics
/// When it cannot be read.
pub async fn seen<S: Store>(store: &S, id: &str) -> Option<Shapes> {
    let model = ReadModel::<SeenShapes, _>::new(store);
    model.get(id).await.expect("reads")
}

/// Numbers and missing values come back equal from the log, a snapshot, a document and a rebuild.
pub async fn every_value_comes_back_as_it_was_written<S: Store>(store: S) {
    let expected = append_samples(&store, "a").await;
    let fresh = store.repository::<Shapes>();
    assert_eq!(fresh.load("a").await.expect("reads").state, expected);

    let saved = fresh.snapshots(SnapshotPolicy::on_demand());
    saved.take_snapshot("a").await.expect("can be written");
    assert_eq!(saved.load("a").await.expect("reads").state, expected);

    for _ in 0..2 {
        let view = Runner::over_log::<role::View>(&store, SeenShapes).expect("a view");
        view.catch_up().await.expect("runs");
        assert_eq!(seen(&store, "a").await.as_ref(), Some(&expected));
        let model = ReadModel::<SeenShapes, _>::new(&store);
        model.reset().await.expect("resets");
    }
}

/// What JSON would change is refused when it is written, and nothing is stored.
pub async fn a_value_that_json_would_change_is_refused<S: Store>(store: S) {
    let missing = |float, nested, unit| ShapeEvent::Missing {
        float,
        nested,
        unit,
    };
    let shapes = store.repository::<Shapes>();
    for event in [
        ShapeEvent::Floats(f64::NAN, 0.0),
        ShapeEvent::Floats(0.0, f32::INFINITY),
        missing(Some(f64::NEG_INFINITY), None, None),
        missing(None, Some(None), None),
        missing(None, None, Some(())),
        ShapeEvent::Keyed(BTreeMap::from([("a".to_owned(), vec![f64::NAN])])),
    ] {
        let error = shapes
            .execute("a", event.clone())
            .await
            .expect_err("refused");
        let cqrs_core::ExecuteError::Store(error) = error else {
            panic!("{event:?}: {error:?}")
        };
        assert_eq!(error.kind(), StoreErrorKind::InvalidInput, "{event:?}");
    }
    assert_eq!(
        shapes.load("a").await.expect("reads").state,
        Shapes::default()
    );
}
